// The one choke point of a closing socket: end(), destroySoon(), parser errors and time-outs all come down to its `destroy` method, overridden here on the
// instance alone.

import type { Socket } from 'node:net';
import type { Copy } from './copies.ts';
import { own } from './copies.ts';
import { bareSocketOf } from './tls.ts';

export type DestroyHandler = (error?: Error) => void;

/** A close that somebody else has begun. */
export interface CloseUnderWay {
  readonly promise: Promise<unknown>;
  cut(outcome: 'aborted' | 'timeout'): void;
}

/** Who looks after the sockets of a server, for as long as nobody else has taken a socket in hand. */
export interface SocketOwner {
  /** `destroy()` was called: it is the owner who destroys, by {@link destroyNow}. */
  onDestroy(socket: Socket, error: Error | undefined): void;
  /** Somebody else closes the socket from here on. */
  takenOver(closing: CloseUnderWay): void;
  /** The socket is being destroyed, whoever does it. */
  forget(socket: Socket): void;
}

interface State {
  copy: Copy;
  handler: DestroyHandler | undefined;
  owner: SocketOwner | undefined;
  /** Where the owner keeps it. */
  place: number;
  /** Somebody has said how the socket is to end, and it is not the owner's way. */
  passedOver: boolean;
  original: Socket['destroy'] | undefined;
}

// A property and not a WeakMap, whose tables would weigh more than everything else of a lingering connection. Other copies of the package find it by its name, and ask who has the socket.
const STATE = Symbol.for('lingering-close.socket');

type Intercepted = Socket & { [STATE]?: State };

/**
 * Calls to `socket.destroy()` go to `handler` until it calls {@link destroyNow}. A second handler takes the place of the first.
 * @returns the first
 */
export function interceptDestroy(socket: Socket, handler: DestroyHandler): DestroyHandler | undefined {
  const state = stateOf(socket);
  const before = state.handler;
  state.handler = handler;
  return before;
}

export function isIntercepted(socket: Intercepted): boolean {
  return socket[STATE]?.handler !== undefined;
}

export function releaseDestroy(socket: Intercepted): void {
  const state = socket[STATE];
  if (state) state.handler = undefined;
}

/** The copy of the package that has the socket in hand, or the connection under its TLS, unless it is this one. */
export function otherCopyOf(socket: Intercepted): Copy | undefined {
  const bare: Intercepted | undefined = bareSocketOf(socket);
  const copy = (socket[STATE] ?? bare?.[STATE])?.copy;
  return copy === own ? undefined : copy;
}

/** Calls to `socket.destroy()` for which there is no handler go to the owner, and no longer to one that it had before. */
export function setOwner(socket: Socket, owner: SocketOwner): void {
  const state = stateOf(socket);
  const { owner: before } = state;
  if (before && before !== owner) before.forget(socket);
  state.owner = owner;
}

/** A number that the owner keeps with its socket; -1 until it has. */
export function placeOf(socket: Intercepted): number {
  return socket[STATE]?.place ?? -1;
}

export function setPlace(socket: Intercepted, place: number): void {
  const state = socket[STATE];
  if (state) state.place = place;
}

/** Of the socket, or of the connection under its TLS. */
export function ownerOf(socket: Intercepted): SocketOwner | undefined {
  const bare: Intercepted | undefined = socket[STATE]?.owner ? socket : bareSocketOf(socket);
  return bare?.[STATE]?.owner;
}

/** Whether the owner is passed over, and `destroy()` is Node's own again. */
export function passOverOwner(socket: Intercepted, passedOver: boolean): void {
  const state = socket[STATE];
  if (state) state.passedOver = passedOver;
  const bare = bareSocketOf(socket);
  if (bare) passOverOwner(bare, passedOver);
}

/** Destroys as Node does, without a detour. */
export function destroyNow(socket: Intercepted, error?: Error): void {
  releaseDestroy(socket);
  passOverOwner(socket, true);
  socket.destroy(error);
}

const UNKNOWN: Partial<State> = {};

function stateOf(socket: Intercepted): State {
  const known = socket[STATE];
  if (known) return known;
  // Only where it is not the class's: a package that wraps sockets may have been here before.
  const original = Object.hasOwn(socket, 'destroy') ? socket.destroy : undefined;
  const state: State = { copy: own, handler: undefined, owner: undefined, place: -1, passedOver: false, original };
  // Plain properties, as Node's own HTTP server gives a socket `on` and others: to define hidden ones takes two microseconds, of every connection.
  try {
    socket.destroy = destroy;
  } catch {
    // Somebody has made the one of the class read-only.
    defineHidden(socket, 'destroy', destroy);
  }
  socket[STATE] = state;
  return state;
}

/** One function for all sockets, for a closure each would be paid by every connection of a server. */
function destroy(this: Intercepted, ...args: [error?: Error]): Socket {
  // None on what somebody has copied the properties to that have names.
  const { handler, owner, passedOver, original } = this[STATE] ?? UNKNOWN;
  if (!this.destroyed) {
    if (handler) {
      handler(args[0]);
      return this;
    }
    if (owner && !passedOver) {
      owner.onDestroy(this, args[0]);
      return this;
    }
    owner?.forget(this);
  }
  return Reflect.apply(original ?? (Object.getPrototypeOf(this) as Socket).destroy, this, args);
}

/** A property that neither `inspect` nor a loop over the object shows. */
export function defineHidden(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, configurable: true, writable: true });
}
