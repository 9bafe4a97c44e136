// Who decides how a socket is closed. end(), destroySoon(), parser errors and time-outs of Node all end in the socket's
// `destroy` method, so this method is replaced, on the single socket. A call of `socket.destroy(error)` goes to
//
// 1. the **holder**: a close that is under way (safeClose, or what setLinger arranged). It holds the socket until it
//    lets go. There is one holder at a time.
// 2. the **owner**: the server of the socket (lingerOnClose), unless the owner is skipped, because a close has decided
//    already, or setLinger(socket, 0) asked for RST.
// 3. **Node**: the method that the socket had before.
import { Socket } from 'node:net';
import { throwLater } from '../core/throw-later.ts';
import { nextTick } from '../core/time.ts';
import type { Copy } from './copies.ts';
import { own } from './copies.ts';
import { bareSocketOf } from './tls.ts';

/** Gets the calls of `destroy()` while it holds the socket. */
export type Holder = (error?: Error) => void;

/** The close of a socket: begun by its server, or by the application. */
export interface SocketClose {
  /** Settles at the end of the close. */
  readonly promise: Promise<unknown>;
  /** True until the socket is handed over to the addon, or closed. */
  readonly holdsSocket: boolean;
  cut(outcome: 'reset' | 'aborted' | 'timeout'): void;
}

/** The server of a socket. */
export interface SocketOwner {
  /** Whether a call of `destroy()` is Node's, as without an owner. Asked before {@link onDestroy}. */
  leavesToNode?(socket: Socket, error: Error | undefined): boolean;
  /** `destroy()` was called, and there is no holder. The owner destroys the socket, with {@link destroyNow}. */
  onDestroy(socket: Socket, error: Error | undefined): void;
  /** The application closes the socket itself. */
  onApplicationClose(close: SocketClose): void;
  /** The socket is being destroyed, by a close or by Node. */
  forget(socket: Socket): void;
}

interface State {
  copy: Copy;
  holder: Holder | undefined;
  owner: SocketOwner | undefined;
  /** The index of the socket in the owner's list. */
  place: number;
  skipsOwner: boolean;
  /** The last close that was begun. */
  close: SocketClose | undefined;
  original: Socket['destroy'] | undefined;
}

// A property and not a WeakMap: the tables of a WeakMap would weigh more than everything else of a lingering
// connection. Other copies of the package find the state by the name of the symbol, and read whose it is.
const STATE = Symbol.for('lingering-close.socket');

type OwnedSocket = Socket & { [STATE]?: State };

/**
 * From here on, calls of `socket.destroy()` go to `holder`, until {@link letGo} or {@link destroyNow}.
 * @returns the holder before, whose place it takes
 */
export function hold(socket: Socket, holder: Holder): Holder | undefined {
  const state = stateOf(socket);
  const before = state.holder;
  state.holder = holder;
  return before;
}

export function isHeld(socket: OwnedSocket): boolean {
  return socket[STATE]?.holder !== undefined;
}

/** @param holder nothing happens where another one has begun to hold the socket meanwhile */
export function letGo(socket: OwnedSocket, holder?: Holder): void {
  const state = socket[STATE];
  if (state && (!holder || state.holder === holder)) state.holder = undefined;
}

/** The copy of the package that owns or holds the socket, or the connection under its TLS, unless it is this copy. */
export function otherCopyOf(socket: OwnedSocket): Copy | undefined {
  const bare: OwnedSocket | undefined = bareSocketOf(socket);
  const copy = (socket[STATE] ?? bare?.[STATE])?.copy;
  return copy === own ? undefined : copy;
}

/** A socket that had another owner leaves that one. */
export function setOwner(socket: Socket, owner: SocketOwner): void {
  const state = stateOf(socket);
  const { owner: before } = state;
  if (before && before !== owner) before.forget(socket);
  state.owner = owner;
}

/** The index of the socket in the owner's list; -1 while it has none. */
export function placeOf(socket: OwnedSocket): number {
  return socket[STATE]?.place ?? -1;
}

export function setPlace(socket: OwnedSocket, place: number): void {
  const state = socket[STATE];
  if (state) state.place = place;
}

/** The owner of the socket, or of the connection under its TLS. */
export function ownerOf(socket: OwnedSocket): SocketOwner | undefined {
  const bare: OwnedSocket | undefined = socket[STATE]?.owner ? socket : bareSocketOf(socket);
  return bare?.[STATE]?.owner;
}

/** While the owner is skipped, `destroy()` of a socket that nothing holds is Node's own. */
export function skipOwner(socket: OwnedSocket, skip: boolean): void {
  const state = socket[STATE];
  if (state) state.skipsOwner = skip;
  const bare = bareSocketOf(socket);
  if (bare) skipOwner(bare, skip);
}

/** The close of the socket, or of the connection under its TLS, that was begun last. */
export function closeOf(socket: OwnedSocket): SocketClose | undefined {
  const bare: OwnedSocket | undefined = bareSocketOf(socket);
  return socket[STATE]?.close ?? bare?.[STATE]?.close;
}

/** From here on, {@link closeOf} finds this close: a second caller gets its report, and does not begin another. */
export function setClose(socket: Socket, close: SocketClose): void {
  stateOf(socket).close = close;
}

/**
 * Destroys the socket as Node does: neither holder nor owner is asked. What a `destroy` method of the application
 * throws is thrown.
 */
export function destroyAsNode(socket: OwnedSocket, error?: Error): void {
  letGo(socket);
  skipOwner(socket, true);
  socket.destroy(error);
}

/**
 * Does the same, and never fails: a close that has sent FIN, or has come to a limit, must end. The application may have
 * replaced the method, before us or after us, by one that does nothing, or that throws.
 */
export function destroyNow(socket: OwnedSocket, error?: Error): void {
  letGo(socket);
  for (const method of [destroyAsNode, callDestroy, callNodesDestroy]) {
    if (socket.destroyed) break;
    try {
      method(socket, error);
    } catch (thrown) {
      throwLater(thrown);
    }
  }
  // It may be connected again. (The connection under TLS is destroyed later.)
  const state = socket[STATE];
  if (state && socket.destroyed) state.skipsOwner = false;
}

function callDestroy(socket: OwnedSocket, error: Error | undefined): void {
  if (socket.destroy !== destroy) Reflect.apply(destroy, socket, [error]);
}

function callNodesDestroy(socket: OwnedSocket, error: Error | undefined): void {
  Reflect.apply(Socket.prototype.destroy, socket, [error]);
}

/** Destroys a TLSSocket as Node does. The connection under it is still its owner's. */
export function destroyTlsNow(socket: OwnedSocket, error?: Error): void {
  Reflect.apply(nodesDestroy(socket), socket, [error]);
}

/** Whether this call of `destroy()` comes from Node's resetAndDestroy(), which sets a property and calls destroy(). */
export function isResetting(socket: Socket): boolean {
  return (socket as { resetAndClosing?: boolean }).resetAndClosing === true;
}

const UNKNOWN: Partial<State> = {};

function stateOf(socket: OwnedSocket): State {
  const known = socket[STATE];
  if (known) return known;
  // Only where the method is not that of the class: a package that wraps sockets may have replaced it before.
  const original = Object.hasOwn(socket, 'destroy') ? socket.destroy : undefined;
  const state: State = {
    copy: own,
    holder: undefined,
    owner: undefined,
    place: -1,
    skipsOwner: false,
    close: undefined,
    original,
  };
  // Plain properties, as Node's own HTTP server sets `on` and others on a socket. To define hidden properties takes
  // two microseconds, for every connection of a server.
  try {
    socket.destroy = destroy;
  } catch {
    // The application has made the method of the class read-only.
    defineHidden(socket, 'destroy', destroy);
  }
  socket[STATE] = state;
  return state;
}

/** One function for all sockets: with a closure each, every connection of a server would pay for one. */
function destroy(this: OwnedSocket, ...args: [error?: Error, callback?: unknown]): Socket {
  // The state is absent on an object that got only the string-keyed properties of a socket (for...in, Object.keys).
  const state = this[STATE];
  const { holder, owner, skipsOwner } = state ?? UNKNOWN;
  if (!this.destroyed) {
    if (holder) {
      holder(args[0]);
      callBack(this, args);
      return this;
    }
    if (owner && !skipsOwner && !owner.leavesToNode?.(this, args[0])) {
      owner.onDestroy(this, args[0]);
      callBack(this, args);
      return this;
    }
    owner?.forget(this);
    // Of a socket that was connected again: the close was that of an earlier connection.
    if (state && !skipsOwner) state.close = undefined;
  }
  return Reflect.apply(nodesDestroy(this), this, args);
}

/** Node.js takes a callback, which no document names: `new Promise((done) => socket.destroy(null, done))`. */
function callBack(socket: Socket, [error, callback]: [error?: Error, callback?: unknown]): void {
  if (typeof callback !== 'function') return;
  // Node.js calls it at once, where the socket is destroyed.
  if (socket.closed) nextTick(callback as () => void, error);
  else socket.once('close', () => callback(error));
}

function nodesDestroy(socket: OwnedSocket): Socket['destroy'] {
  return socket[STATE]?.original ?? methodBehind(socket, 'destroy', destroy);
}

/**
 * The method of the class behind `own`, which has its place on a single object. An application may have made an object
 * that inherits from this one: `this` is then that object, and `own` is found once more above it.
 */
export function methodBehind<Method>(object: object, name: PropertyKey, own: Method): Method {
  let above = Object.getPrototypeOf(object);
  while (above[name] === own) above = Object.getPrototypeOf(above);
  return above[name];
}

const hidden = (value: unknown) => ({ value, configurable: true, writable: true });

/** A property that neither `inspect` nor a loop over the object shows. */
export function defineHidden(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, hidden(value));
}

/** The same, @returns false where the application has put a property there for good: that stays. */
export function tryDefineHidden(object: object, key: PropertyKey, value: unknown): boolean {
  return Reflect.defineProperty(object, key, hidden(value));
}
