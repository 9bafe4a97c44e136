// closeServer: a graceful shutdown that cuts no client off.

import type { Server } from 'node:net';
import { validateServer } from '../server/server-kind.ts';
import { otherCopyOfServer, own } from '../socket/copies.ts';
import type { CheckedCloseServerOptions, CloseServerOptions } from './close-server-options.ts';
import { checkCloseServerOptions } from './close-server-options.ts';
import type { ServerCloseReport } from './server-close-report.ts';
import { type Hold, ServerShutdown } from './server-shutdown.ts';

/**
 * Closes a server so that no client is cut off: requests in flight are answered and delivered, and no client is reset.
 *
 * 1. For `drainDelay` it goes on listening, and each response says `Connection: close` (HTTP/2: GOAWAY).
 * 2. It stops listening. Idle keep-alive connections get FIN and a linger. A connection that was just accepted has a
 *    second to send its request.
 * 3. Requests in flight finish, are answered with `Connection: close`, and their connections linger. `headersTimeout`
 *    and `requestTimeout` go on working.
 * 4. After `timeout` the rest is destroyed, and what lingers then has `lingerTimeout` left.
 *
 * The promise resolves as soon as nothing is open and nothing lingers any more: `await closeServer(server);
 * process.exit()` loses nothing. That includes a {@link safeClose} of the application on a connection of this server.
 *
 * Call {@link lingerOnClose} when the server is made (or use `lingering-close/register`) to have all connections
 * covered. Otherwise the server is covered from this call on: the connections that are open already are looked up as
 * well as Node allows, and HTTP/2 sessions among them are told with their next request, an idle one only where the
 * server's own `close()` does so (Node 24).
 *
 * A second call in the meantime gives the first promise, and its `signal` counts too: a second SIGTERM may pass
 * `AbortSignal.abort()`. Its other options do not count.
 *
 * @param server a server of node:net, node:tls, node:http, node:https or node:http2
 * @param options see {@link CloseServerOptions}; times are milliseconds. Process warnings: as with {@link safeClose};
 * what a function of the application throws is one too (`LINGERING_CLOSE_CALLBACK`)
 * @returns resolves with a {@link ServerCloseReport}, always; never rejects for what a peer does
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (a server that cannot get a
 * method of its own), `ERR_OUT_OF_RANGE`
 *
 * Platforms: as {@link lingerOnClose}. Source: RFC 9112 9.6, RFC 9113 6.8 (GOAWAY); Apache's `lingering_close`, with
 * its 2 seconds at the end of a process.
 */
export function closeServer(server: Server, options?: CloseServerOptions): Promise<ServerCloseReport> {
  validateServer(server);
  const other = otherCopyOfServer(server);
  if (other) return other.closeServer(server, options) as Promise<ServerCloseReport>;
  return closeChecked(server, checkCloseServerOptions(options));
}

/** @param hold where the shutdown has to wait before it begins */
export function closeChecked(
  server: Server,
  options: CheckedCloseServerOptions,
  hold?: Hold,
): Promise<ServerCloseReport> {
  const other = otherCopyOfServer(server);
  if (other) return held(hold, options).then((times) => other.closeServer(server, times) as Promise<ServerCloseReport>);
  const before = ServerShutdown.under(server);
  if (!before) return new ServerShutdown(server, options, hold).promise;
  // What holds it may wait for this call: `before` of closeOnSignal.
  if (!hold) before.onClose();
  // The application has had the server listen again: that is the next shutdown, behind this one.
  if (before.isPast) return before.promise.then(() => closeChecked(server, options, hold));
  before.governBy(options.signal);
  return before.promise;
}

async function held(hold: Hold | undefined, options: CheckedCloseServerOptions): Promise<CheckedCloseServerOptions> {
  await hold?.over;
  return { ...options, ...hold?.times() };
}

own.closeServer = closeServer;
