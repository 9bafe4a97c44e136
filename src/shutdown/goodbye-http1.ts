// HTTP/1 in a server that is being closed: the last response of each connection says that the connection ends with it.
//
// It is said by `shouldKeepAlive`, with which Node itself decides what `Connection` says where the application has not
// written this header. A header of our own would take the application's writeHead() on another path, on which raw
// header lists lose duplicates, and tuples throw. Where the application does write `Connection`, its word stands.

import diagnostics from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { currentResponseOf, lastResponseOf } from '../server/pipelined-responses.ts';
import type { ServerHub } from '../server/server-hub.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { bareSocketOf, topOf } from '../socket/tls.ts';

interface Message {
  server: Server;
  response: ServerResponse;
  socket: Socket;
}

/** `_last`: the connection ends with this response. */
type Response = ServerResponse & { _last?: boolean };

/** The last response of a connection, and whether it would have kept the connection alive. */
interface Told {
  response: Response;
  keepAlive: boolean;
}

/** `GET / HTTP/1.1`, and the empty line behind it. Less is no request: some clients send an empty line too many. */
const SHORTEST_REQUEST = 18;

export class GoodbyeResponses {
  readonly #hub: ServerHub;
  readonly #concerns: (bare: Socket) => boolean;
  readonly #onLost: (bare: Socket) => void;
  readonly #told = new WeakMap<Socket, Told>();

  /**
   * @param concerns whether a connection is one of those that are being closed
   * @param onLost a request of this connection has come behind the response with which the connection ends
   */
  constructor(hub: ServerHub, concerns: (bare: Socket) => boolean, onLost: (bare: Socket) => void) {
    this.#hub = hub;
    this.#concerns = concerns;
    this.#onLost = onLost;
    for (const bare of hub.open) {
      const socket = topOf(bare);
      const last = lastResponseOf(socket);
      if (!last) continue;
      const current: Response | undefined = currentResponseOf(socket);
      if (current !== last && current?._last) onLost(bare);
      // If there is more to read, another request follows, and the last one is told.
      if (!last.req?.complete || pendingBytesOf(bare) === 0) this.#sayClose(socket, last);
    }
    diagnostics.subscribe('http.server.request.start', this.#onRequest);
  }

  stop(): void {
    diagnostics.unsubscribe('http.server.request.start', this.#onRequest);
  }

  /** Whether a connection that ends behind its last response leaves another request unread. */
  leavesRequest(bare: Socket): boolean {
    // Under TLS, what waits may be the farewell of the client (close_notify).
    if (topOf(bare) !== bare) return false;
    return this.#told.get(bare)?.response.req?.complete === true && pendingBytesOf(bare) >= SHORTEST_REQUEST;
  }

  // Published before the application gets the request.
  readonly #onRequest = (message: unknown): void => {
    const { server, response, socket } = message as Message;
    if (server !== this.#hub.server) return;
    // A TLSSocket that is older than lingerOnClose is first seen here.
    this.#hub.adopt(socket);
    const bare = bareSocketOf(socket) ?? socket;
    if (!this.#concerns(bare)) return;
    // Pipelining: the connection must not end with the response before, or this response would be lost.
    const before = this.#told.get(socket);
    if (before && !before.response.headersSent) before.response.shouldKeepAlive = before.keepAlive;
    else if (before?.response._last && !before.response.writableFinished) this.#onLost(bare);
    this.#sayClose(socket, response);
  };

  #sayClose(socket: Socket, response: Response): void {
    this.#told.set(socket, { response, keepAlive: response.shouldKeepAlive });
    if (!response.headersSent) response.shouldKeepAlive = false;
  }
}
