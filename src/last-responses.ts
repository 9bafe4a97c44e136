// The last response of an HTTP connection, while it is being flushed. Node destroys the socket when that is done; but a client that sends all of its request before it
// reads waits for Node to read, and Node, whose application has not read the request, waits for the client: for ever, if the response is larger than the buffers between
// them.
import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { isTls } from './descriptor.ts';
import { defineHidden } from './destroy.ts';
import { outputMark } from './output-mark.ts';

export interface LastResponsesOwner {
  /** Milliseconds without progress, after which a flush is given up. */
  readonly flushTimeout: number;
  giveUpFlush(socket: Socket): void;
}

interface Flush {
  request: IncomingMessage;
  mark: string;
  /** When the peer last took something, in milliseconds of performance.now(). */
  progressAt: number;
}

const SWEEP = 1_000;
const LAST_RESPONSES = Symbol('lingering-close.last-responses');

let watching = 0;

/** Of one server. Swept by one timer, which costs less than one a response. */
export class LastResponses {
  readonly #server: Server;
  readonly #owner: LastResponsesOwner;
  readonly #flushes = new Map<Socket, Flush>();
  #timer: NodeJS.Timeout | undefined;

  constructor(server: Server, owner: LastResponsesOwner) {
    this.#server = server;
    this.#owner = owner;
  }

  watch(): void {
    defineHidden(this.#server, LAST_RESPONSES, this);
    if (watching++ === 0) diagnostics.subscribe('http.server.request.start', onRequest);
  }

  unwatch(): void {
    if (lastResponsesOf(this.#server) !== this) return;
    defineHidden(this.#server, LAST_RESPONSES, undefined);
    if (--watching === 0) diagnostics.unsubscribe('http.server.request.start', onRequest);
    for (const socket of this.#flushes.keys()) this.forget(socket);
  }

  /** The application has ended a response, not all of which has left the process. */
  add(socket: Socket, request: IncomingMessage): void {
    // Nobody reads it, nor ever has: Node would begin to throw it away when the response is out.
    if (!request.complete && request.readableFlowing === null && request.listenerCount('readable') === 0) request.resume();
    this.#flushes.set(socket, { request, mark: outputMark(socket), progressAt: performance.now() });
    this.#schedule();
  }

  forget(socket: Socket): void {
    if (!this.#flushes.delete(socket) || this.#flushes.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(): void {
    // The decision is made behind the poll phase, for a blocked event loop runs timers before it looks at sockets.
    this.#timer ??= setTimeout(setImmediate, SWEEP, this.#sweep).unref();
  }

  readonly #sweep = (): void => {
    this.#timer = undefined;
    const now = performance.now();
    for (const [socket, flush] of this.#flushes) {
      const mark = outputMark(socket);
      if (mark === flush.mark) {
        this.#onStall(socket, flush, now);
      } else {
        flush.mark = mark;
        flush.progressAt = now;
      }
    }
    if (this.#flushes.size > 0) this.#schedule();
  };

  #onStall(socket: Socket, { request, progressAt }: Flush, now: number): void {
    // Node would cut the rest of the request off right behind the response. Listeners stay: whoever gets an 'end' has had all of the data.
    if (!request.complete && !request.readableFlowing) request.unpipe().resume();
    if (now - progressAt < this.#owner.flushTimeout) return;
    this.forget(socket);
    this.#owner.giveUpFlush(socket);
  }
}

function lastResponsesOf(server: Server | undefined): LastResponses | undefined {
  return (server as { [LAST_RESPONSES]?: LastResponses } | undefined)?.[LAST_RESPONSES];
}

function onRequest(message: unknown): void {
  const { server, response } = message as { server: Server; response: ServerResponse };
  if (lastResponsesOf(server)) response.on('prefinish', onEnded);
}

/** The response has been ended, and all of it given to the socket. `_last`: the connection ends with it. */
function onEnded(this: ServerResponse & { _last?: boolean }): void {
  const { socket, req } = this;
  if (!this._last || !socket) return;
  // TLS counts what it has written until the next turn of the event loop.
  if (isTls(socket)) setImmediate(addPending, socket, req);
  else addPending(socket, req);
}

function addPending(socket: Socket, request: IncomingMessage): void {
  if (socket.destroyed || socket.writableLength === 0) return;
  lastResponsesOf((socket as { server?: Server }).server)?.add(socket, request);
}
