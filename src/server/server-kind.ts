import { Server } from 'node:net';
import { types } from 'node:util';
import { invalidArgType } from '../core/errors.ts';

/** Whether it speaks HTTP, also HTTP/2. Not by the class, for whose sake node:https and node:http2 would be loaded. */
export function isHttp(server: Server): boolean {
  return 'closeIdleConnections' in server || 'updateSettings' in server;
}

/** Throws `ERR_INVALID_ARG_TYPE`. */
export function validateServer(server: unknown): asserts server is Server {
  if (types.isProxy(server) || !(server instanceof Server)) {
    throw invalidArgType(
      'server',
      'an instance of net.Server, tls.Server, http.Server, https.Server or an HTTP/2 server',
      server,
    );
  }
}
