// The one choke point of a closing socket: end(), destroySoon(), parser errors and time-outs all come down to its `destroy` method, overridden here on the
// instance alone.
import type { Socket } from 'node:net';

type DestroyHandler = (error?: Error) => void;

// A property and not a WeakMap, whose tables would weigh more than everything else of a lingering connection.
const HANDLER = Symbol('lingering-close.destroy');

interface Intercepted {
  [HANDLER]?: DestroyHandler | undefined;
}

/** Calls to `socket.destroy()` go to `handler` until it calls {@link destroyNow}. A second handler takes the place of the first. */
export function interceptDestroy(socket: Socket & Intercepted, handler: DestroyHandler): void {
  const known = HANDLER in socket;
  defineHidden(socket, HANDLER, handler);
  if (known) return;
  const destroy = socket.destroy;
  defineHidden(socket, 'destroy', function (this: Socket & Intercepted, ...args: [error?: Error]) {
    const current = this.destroyed ? undefined : this[HANDLER];
    if (!current) return destroy.apply(this, args);
    current(args[0]);
    return this;
  });
}

export function isIntercepted(socket: Socket & Intercepted): boolean {
  return socket[HANDLER] !== undefined;
}

export function releaseDestroy(socket: Socket & Intercepted): void {
  if (HANDLER in socket) socket[HANDLER] = undefined;
}

/** Destroys as Node does, without a detour. */
export function destroyNow(socket: Socket, error?: Error): void {
  releaseDestroy(socket);
  socket.destroy(error);
}

/** A property that neither `inspect` nor a loop over the socket shows. */
export function defineHidden(socket: Socket, key: PropertyKey, value: unknown): void {
  Object.defineProperty(socket, key, { value, configurable: true, writable: true });
}
