// lingerOnClose: each connection that a server closes lingers where a linger is needed.

import type { Server } from 'node:net';
import type { LingerTotals } from '../close/linger-set.ts';
import type { DisposableLike } from '../core/disposable.ts';
import { otherCopyOfServer, own } from '../socket/copies.ts';
import type { LingerOnCloseOptions } from './linger-on-close-options.ts';
import { checkServerOptions } from './linger-on-close-options.ts';
import { hubOf, ServerHub } from './server-hub.ts';
import { isHttp, validateServer } from './server-kind.ts';

/** What {@link lingerOnClose} arranged for a server. */
export interface LingeringServer extends DisposableLike {
  /** Connections of this server that linger now; those whose output is flushed first count too. */
  readonly active: number;
  /** Counters since the call, of the lingers that are over. A {@link safeClose} of the application is not counted. */
  readonly totals: Readonly<LingerTotals>;
  /**
   * Gives the server back to Node: connections that it closes from now on are closed as ever. Lingers that have begun
   * go on to their end. Does nothing the second time, and nothing after a later call of `lingerOnClose`.
   * `[Symbol.dispose]()` does the same.
   */
  disable(): void;
}

/**
 * Makes every connection that this server closes linger where a linger is needed, so that a client always gets its
 * answer: FIN goes first, then what the client still sends is discarded until the client has closed its side. A plain
 * close with unread data makes the kernel send RST instead, and the client loses the answer.
 *
 * It covers every way in which Node closes a connection of a server on its own, and an application that calls
 * `socket.destroy()` or `destroySoon()`: `Connection: close` responses, the 400, 408, 413 and 431 of the parser,
 * `closeIdleConnections()`, time-outs, rejected upgrades, the end of an HTTP/2 session, TLS. Nothing changes for
 * connections that the server does not close. `socket.destroy(error)` and `resetAndDestroy()` are a hard close, as in
 * Node, save for errors of which Node has told the client (those of its parser, and of HTTP/2 behind GOAWAY) and for a
 * write behind `end()`. So is a `destroy()` while output is still queued in the process.
 *
 * A flush is never bounded by a clock: a slow download goes on as long as it makes progress. When the application has
 * ended a response, and the client takes nothing of it for `timeout`, the rest is given up.
 *
 * The events of a socket, their order and `server.close()` stay those of Node: the `net.Socket` is gone as ever, and a
 * duplicate of its descriptor lingers. (The streams engine keeps the socket, and its 'close', to the end of the linger.
 * TLS connections that were open before the call are left to Node there, and so is a handshake that fails.)
 *
 * Connections that are open already are covered too. A second call for the same server takes the place of the first.
 * No module and no prototype of Node is patched: the function listens to events of the server ('connection',
 * 'secureConnection', with HTTP/2 'session' and 'stream'), and gives each socket a `destroy` method of its own. With
 * `readBeforeIdleClose` an HTTP server gets a `closeIdleConnections` too, and its sockets an `_onTimeout`.
 *
 * @param server a server of node:net, node:tls, node:http, node:https or node:http2
 * @param options see {@link LingerOnCloseOptions}: those of {@link safeClose}, `when`, `maxLingering`, `choose` and
 * `readBeforeIdleClose`; times are milliseconds. Process warnings: as with {@link safeClose}
 * @returns counters, and a way to stop; see {@link LingeringServer}
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (an unknown `mode`, `until`
 * or `when`; a server that cannot get a method of its own), `ERR_OUT_OF_RANGE`
 *
 * Platforms: Linux natively; everywhere else through Node's streams. Source: RFC 9112 9.6; nginx's `lingering_close`,
 * whose `on` is 'needed'.
 */
export function lingerOnClose(server: Server, options?: LingerOnCloseOptions): LingeringServer {
  validateServer(server);
  const other = otherCopyOfServer(server);
  if (other) return other.lingerOnClose(server, options) as LingeringServer;
  const checked = checkServerOptions(options, isHttp(server) ? 'needed' : 'always');
  const hub = hubOf(server) ?? new ServerHub(server);
  const lingering = hub.attach(checked);
  hub.isCovered = true;
  const disable = () => hub.detach(lingering);
  return {
    get active() {
      return lingering.active;
    },
    totals: lingering.totals,
    disable,
    [Symbol.dispose]: disable,
  };
}

own.lingerOnClose = lingerOnClose;
