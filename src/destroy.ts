// The one choke point of a closing socket: end(), destroySoon(), parser errors and time-outs all come down to its `destroy` method, overridden here on the
// instance alone.
import type { Socket } from 'node:net';

type DestroyHandler = (error?: Error) => void;

const handlers = new WeakMap<Socket, DestroyHandler>();

/** Calls to `socket.destroy()` go to `handler` until it calls {@link destroyNow}. A second handler takes the place of the first. */
export function interceptDestroy(socket: Socket, handler: DestroyHandler): void {
  const known = handlers.has(socket);
  handlers.set(socket, handler);
  if (known) return;
  const destroy = socket.destroy;
  Object.defineProperty(socket, 'destroy', {
    configurable: true,
    writable: true,
    value(this: Socket, ...args: [error?: Error]) {
      const current = this.destroyed ? undefined : handlers.get(this);
      if (!current) return destroy.apply(this, args);
      current(args[0]);
      return this;
    },
  });
}

/** Whether `destroy` is intercepted by `handler`. */
export function isIntercepted(socket: Socket): boolean {
  return handlers.has(socket);
}

export function releaseDestroy(socket: Socket): void {
  handlers.delete(socket);
}

/** Destroys as Node does, without a detour. */
export function destroyNow(socket: Socket, error?: Error): void {
  releaseDestroy(socket);
  socket.destroy(error);
}
