// The one choke point of a closing socket: end(), destroySoon(), parser errors and time-outs all come down to its `destroy` method, overridden here on the
// instance alone.
import type { Socket } from 'node:net';
import { bareSocketOf } from './descriptor.ts';

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
  handler: DestroyHandler | undefined;
  owner: SocketOwner | undefined;
  /** Somebody has said how the socket is to end, and it is not the owner's way. */
  passedOver: boolean;
  original: Socket['destroy'] | undefined;
}

// A property and not a WeakMap, whose tables would weigh more than everything else of a lingering connection.
const STATE = Symbol('lingering-close.destroy');

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

/** Calls to `socket.destroy()` for which there is no handler go to the owner. */
export function setOwner(socket: Socket, owner: SocketOwner): void {
  stateOf(socket).owner = owner;
}

/** Of the socket, or of the connection under its TLS. */
export function ownerOf(socket: Intercepted): SocketOwner | undefined {
  const bare: Intercepted | undefined = socket[STATE]?.owner ? socket : bareSocketOf(socket);
  return bare?.[STATE]?.owner;
}

/** Whether the owner is passed over, and `destroy()` is Node's own again. */
export function passOverOwner(socket: Intercepted, passedOver: boolean): void {
  for (const each of [socket, bareSocketOf(socket)] as (Intercepted | undefined)[]) {
    const state = each?.[STATE];
    if (state) state.passedOver = passedOver;
  }
}

/** Destroys as Node does, without a detour. */
export function destroyNow(socket: Intercepted, error?: Error): void {
  releaseDestroy(socket);
  passOverOwner(socket, true);
  socket.destroy(error);
}

function stateOf(socket: Intercepted): State {
  const known = socket[STATE];
  if (known) return known;
  // Only where it is not the class's: a package that wraps sockets may have been here before.
  const original = Object.hasOwn(socket, 'destroy') ? socket.destroy : undefined;
  const state: State = { handler: undefined, owner: undefined, passedOver: false, original };
  defineHidden(socket, STATE, state);
  defineHidden(socket, 'destroy', destroy);
  return state;
}

/** One function for all sockets, for a closure each would be paid by every connection of a server. */
function destroy(this: Intercepted, ...args: [error?: Error]): Socket {
  const { handler, owner, passedOver, original } = this[STATE] as State;
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
  return (original ?? (Object.getPrototypeOf(this) as Socket).destroy).apply(this, args);
}

/** A property that neither `inspect` nor a loop over the object shows. */
export function defineHidden(object: object, key: PropertyKey, value: unknown): void {
  Object.defineProperty(object, key, { value, configurable: true, writable: true });
}
