// `node --import lingering-close/register app.js`: lingerOnClose for every HTTP, HTTPS and HTTP/2 server of the
// process, without a change to its code. Another copy of the package may call any function of this one.

import diagnostics from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import { readEnvironment } from './server/environment.ts';
import { lingerOnClose } from './server/linger-on-close.ts';
import { hubOf } from './server/server-hub.ts';
import { isHttp, isHttp2 } from './server/server-kind.ts';
import { otherCopyOfServer } from './socket/copies.ts';
import './index.ts';

const options = readEnvironment(process.env);

// Node publishes each connection that it has accepted. With the first connection of a server, lingerOnClose begins for
// that server, and hears of the later connections itself. A server for which the application has called lingerOnClose
// keeps the application's options, also after disable().
diagnostics.subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket & { server?: Server } };
  const { server } = socket;
  if (server && isHttp(server) && begin(server)) hubOf(server)?.adopt(socket);
});

// That is too late for the first session of an HTTP/2 server in clear text: Node has begun it, and nothing leads from a
// socket to its session. The one session of a gRPC client is always that. Node publishes listen() too, and before it.
diagnostics.subscribe('tracing:net.server.listen:asyncStart', (message) => {
  const { server } = message as { server: Server };
  if (isHttp2(server)) begin(server);
});

function begin(server: Server): boolean {
  if (otherCopyOfServer(server) || hubOf(server)) return false;
  lingerOnClose(server, options);
  return true;
}
