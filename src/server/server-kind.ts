// What kind of server it is. Told by shape: `instanceof` would load node:https and node:http2.
import { Server } from 'node:net';
import { types } from 'node:util';
import { invalidArgType } from '../core/errors.ts';

/** Whether the server speaks HTTP: HTTP/1 or HTTP/2, with TLS or without. */
export function isHttp(server: Server): boolean {
  return 'closeIdleConnections' in server || 'updateSettings' in server;
}

/** Throws `ERR_INVALID_ARG_TYPE`. */
export function validateServer(server: unknown, name = 'server'): asserts server is Server {
  if (types.isProxy(server) || !(server instanceof Server)) {
    throw invalidArgType(
      name,
      'an instance of net.Server, tls.Server, http.Server, https.Server or an HTTP/2 server',
      server,
    );
  }
}
