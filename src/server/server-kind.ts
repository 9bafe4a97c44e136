// What kind of server it is. Told by shape: `instanceof` would load node:https and node:http2.
import { EventEmitter } from 'node:events';
import { Server } from 'node:net';
import { types } from 'node:util';
import { invalidArgType, invalidArgValue } from '../core/errors.ts';
import { adviceForServer } from '../core/what-to-pass.ts';

/** Whether the server speaks HTTP: HTTP/1 or HTTP/2, with TLS or without. */
export function isHttp(server: Server): boolean {
  return 'closeIdleConnections' in server || isHttp2(server);
}

/** Whether the server speaks HTTP/2, perhaps besides HTTP/1. */
export function isHttp2(server: Server): boolean {
  return 'updateSettings' in server;
}

/**
 * What is asked of a server is its methods and events. The HTTP servers of Bun have them, and are no `net.Server`. A
 * Proxy of a server is none.
 */
export function isServer(server: unknown): server is Server {
  if (types.isProxy(server)) return false;
  if (server instanceof Server) return true;
  if (!(server instanceof EventEmitter)) return false;
  return ['listen', 'close', 'address', 'getConnections'].every(
    (name) => typeof (server as unknown as Record<string, unknown>)[name] === 'function',
  );
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE`. */
export function validateServer(server: unknown, name = 'server'): asserts server is Server {
  if (!isServer(server)) {
    throw invalidArgType(
      name,
      'an instance of net.Server, tls.Server, http.Server, https.Server or an HTTP/2 server',
      server,
      adviceForServer(server),
    );
  }
  if (!Object.isExtensible(server)) throw invalidArgValue(name, 'extensible: it gets methods of its own', server);
}
