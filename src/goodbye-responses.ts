// HTTP/1 in a server that is being closed: every response says that the connection ends with it.
import diagnostics from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { type ServerHub, topOf } from './server-hub.ts';

interface Message {
  server: Server;
  response: ServerResponse;
  socket: Socket;
}

export class GoodbyeResponses {
  readonly #server: Server;
  readonly #hub: ServerHub;
  readonly #onFinish: () => void;

  /** `onFinish`: called behind each response that is out. */
  constructor(server: Server, hub: ServerHub, onFinish: () => void) {
    this.#server = server;
    this.#hub = hub;
    this.#onFinish = onFinish;
    for (const bare of hub.open) sayClose((topOf(bare) as { _httpMessage?: ServerResponse | null })._httpMessage);
    diagnostics.subscribe('http.server.request.start', this.#onRequest);
    diagnostics.subscribe('http.server.response.finish', this.#onResponse);
  }

  stop(): void {
    diagnostics.unsubscribe('http.server.request.start', this.#onRequest);
    diagnostics.unsubscribe('http.server.response.finish', this.#onResponse);
  }

  // Published before the application gets the request.
  readonly #onRequest = (message: unknown): void => {
    const { server, response, socket } = message as Message;
    if (server !== this.#server) return;
    // With TLS that was there before us, this is where it is seen.
    this.#hub.adopt(socket);
    sayClose(response);
  };

  readonly #onResponse = (message: unknown): void => {
    const { server, socket } = message as Message;
    if (server !== this.#server) return;
    this.#hub.adopt(socket);
    this.#onFinish();
  };
}

function sayClose(response: ServerResponse | null | undefined): void {
  if (response && !response.headersSent) response.setHeader('Connection', 'close');
}
