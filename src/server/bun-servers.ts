// The HTTP servers of Bun, which publishes none of the connections that they accept.

import type { Server } from 'node:net';
import { builtin } from '../core/builtin.ts';

interface ServerModule {
  Server: { prototype: Server };
}

/**
 * Calls `found` with each server of node:http and node:https that begins to listen. For Bun: it wraps their `listen`.
 */
export function onListen(found: (server: Server) => void): void {
  for (const name of ['node:http', 'node:https'] as const) {
    const { prototype } = (builtin(name) as unknown as ServerModule).Server;
    const { listen } = prototype;
    // By one of the two it may be called for the other.
    prototype.listen = function (this: Server, ...args: unknown[]) {
      found(this);
      return Reflect.apply(listen, this, args);
    } as typeof listen;
  }
}
