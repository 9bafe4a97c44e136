// HTTP/1 in a server that is being closed: every response says that the connection ends with this response.

import diagnostics from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import type { ServerHub } from '../server/server-hub.ts';
import { topOf } from '../socket/tls.ts';

interface Message {
  server: Server;
  response: ServerResponse;
  socket: Socket;
}

export class GoodbyeResponses {
  readonly #hub: ServerHub;
  /** The last request of each connection. */
  readonly #last = new WeakMap<Socket, ServerResponse>();

  constructor(hub: ServerHub) {
    this.#hub = hub;
    for (const bare of hub.open) {
      const socket = topOf(bare) as Socket & { _httpMessage?: ServerResponse | null };
      if (socket._httpMessage) this.#sayClose(socket, socket._httpMessage);
    }
    diagnostics.subscribe('http.server.request.start', this.#onRequest);
  }

  stop(): void {
    diagnostics.unsubscribe('http.server.request.start', this.#onRequest);
  }

  // Published before the application gets the request.
  readonly #onRequest = (message: unknown): void => {
    const { server, response, socket } = message as Message;
    if (server !== this.#hub.server) return;
    // A TLSSocket that is older than lingerOnClose is first seen here.
    this.#hub.adopt(socket);
    // Pipelining: the connection must not end with the response before, or this response would be lost.
    const before = this.#last.get(socket);
    if (before && !before.headersSent && before.getHeader('Connection') === 'close') before.removeHeader('Connection');
    this.#sayClose(socket, response);
  };

  #sayClose(socket: Socket, response: ServerResponse): void {
    this.#last.set(socket, response);
    if (!response.headersSent) response.setHeader('Connection', 'close');
  }
}
