// `node --import lingering-close/register app.js`: lingerOnClose for every HTTP, HTTPS and HTTP/2 server of the
// process, without a change to its code. Another copy of the package may call any function of this one.
//
// The variables LINGERING_CLOSE_* are the options: see server/environment.ts. An invalid one, or an unknown name, is an
// error of the import, ERR_INVALID_ARG_VALUE, which ends the process at its start. Platforms: as lingerOnClose; HTTP/2
// servers of Bun are not covered. Source: the diagnostics channels `net.server.socket` and `net.server.listen` of Node.

import diagnostics from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import { runtime } from './core/runtime.ts';
import { onListen } from './server/bun-servers.ts';
import { readEnvironment } from './server/environment.ts';
import { HandedOverSockets } from './server/handed-over-sockets.ts';
import { lingerOnClose } from './server/linger-on-close.ts';
import { hubOf } from './server/server-hub.ts';
import { isHttp, isHttp2, isServer } from './server/server-kind.ts';
import { otherCopyOfServer } from './socket/copies.ts';
import './index.ts';

const options = readEnvironment(process.env);
/** Servers that linger already: a new connection of theirs is not looked at. */
const covered = new WeakSet<object>();
const handedOver = new HandedOverSockets(cover);
handedOver.watchMessages();

// Node and Deno publish each connection that they have accepted. What a subscriber throws would end the process.
diagnostics.subscribe('net.server.socket', (message) => {
  const { socket } = message as { socket: Socket & { server?: unknown; _server?: unknown } };
  if (covered.has(socket.server as object)) return;
  // By now the application may have put something else into `server`: the HTTP server to which it has handed the socket
  // over, or what has nothing to do with Node.
  const server = isServer(socket.server) ? socket.server : socket._server;
  if (!isServer(server)) return;
  if (isHttp(server)) cover(server, socket);
  else handedOver.accepted(socket, server);
});

// That is too late for the first session of an HTTP/2 server in clear text: Node has begun it, and nothing leads from a
// socket to its session. The one session of a gRPC client is always that. Node publishes listen() too, and before it.
diagnostics.subscribe('tracing:net.server.listen:asyncStart', (message) => {
  const { server } = message as { server: Server };
  if (isHttp2(server)) cover(server);
});
if (runtime === 'Bun') onListen((server) => isHttp(server) && cover(server));

/**
 * With the first connection of a server, lingerOnClose begins for that server, and hears of the later connections
 * itself. A server for which the application has called lingerOnClose keeps the application's options, also after
 * disable(). What lingerOnClose would refuse is left to Node: a Proxy, a server that is not extensible, and an object
 * of the application to which Node's HTTP code was applied.
 */
function cover(server: Server, socket?: Socket): void {
  if (hubOf(server)?.isCovered) {
    covered.add(server);
  } else if (!otherCopyOfServer(server) && isServer(server) && Object.isExtensible(server)) {
    lingerOnClose(server, options);
    if (socket) hubOf(server)?.adopt(socket);
  }
}
