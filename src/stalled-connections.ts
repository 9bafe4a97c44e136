// Connections of an HTTP/1 server on which neither side would ever read again. A client that sends all of its request before it reads waits for Node to read, and Node waits for the
// client: behind a last response that is larger than the buffers between them, where Node reads on only when that is out; and behind the answer to an upgrade that was refused, which
// nobody reads at all. They are found by a look at all connections once a second: a hook to each request, or each connection, would cost those for which nothing is wrong.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { outputMark } from './output-mark.ts';

export interface WatchedConnections {
  /** As the application knows them. */
  readonly sockets: Iterable<Socket>;
  /** Milliseconds without progress, after which a flush is given up. */
  readonly flushTimeout: number;
  giveUpFlush(socket: Socket): void;
}

/** A last response that the application has ended, and not all of which has left the process. */
interface Flush {
  mark: string;
  /** When the peer last took something, in milliseconds of performance.now(). */
  progressAt: number;
}

type HttpSocket = Socket & { parser?: unknown; _httpMessage?: (ServerResponse & { _last?: boolean; req: IncomingMessage }) | null };

const LOOK = 1_000;

export class StalledConnections {
  readonly #connections: WatchedConnections;
  #flushes = new Map<Socket, Flush>();
  #timer: NodeJS.Timeout | undefined;

  constructor(connections: WatchedConnections) {
    this.#connections = connections;
  }

  /** There are connections. They are looked at for as long as there are. */
  watch(): void {
    // The decision is made behind the poll phase, for a blocked event loop runs timers before it looks at sockets.
    this.#timer ??= setTimeout(setImmediate, LOOK, this.#look).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushes.clear();
  }

  readonly #look = (): void => {
    // Stopped while it waited for its turn.
    if (!this.#timer) return;
    this.#timer = undefined;
    const before = this.#flushes;
    this.#flushes = new Map();
    let any = false;
    for (const socket of this.#connections.sockets) {
      any = true;
      const { _httpMessage: response } = socket as HttpSocket;
      if (response) {
        if (response._last && response.writableEnded && socket.writableLength > 0) this.#onFlush(socket, response.req, before.get(socket));
      } else if (socket.writableFinished && isRefusedUpgrade(socket)) {
        socket.resume();
      }
    }
    if (any) this.watch();
  };

  #onFlush(socket: Socket, request: IncomingMessage, before: Flush | undefined): void {
    const now = performance.now();
    const mark = outputMark(socket);
    const stalled = before?.mark === mark;
    // Nobody reads the request, nor ever has: Node would begin to throw it away when the response is out. Of one that is read in part it would cut the rest off right behind the
    // response; its listeners stay, so that whoever gets an 'end' has had all of the data.
    if (!request.complete) {
      if (request.readableFlowing === null && request.listenerCount('readable') === 0) request.resume();
      else if (stalled && !request.readableFlowing) request.unpipe().resume();
    }
    if (stalled && now - before.progressAt >= this.#connections.flushTimeout) this.#connections.giveUpFlush(socket);
    else this.#flushes.set(socket, { mark, progressAt: stalled ? before.progressAt : now });
  }
}

/** An 'upgrade' or 'connect' listener has ended it, with a 401 say, and Node has stopped reading, with its buffer full: the client's EOF would never be seen. */
function isRefusedUpgrade(socket: HttpSocket): boolean {
  if (socket.parser || socket.destroyed || socket.readableEnded) return false;
  // `null`: nobody reads it, nor has paused it. Node sets that when it hands a socket to a listener.
  if (socket.readableFlowing !== null || socket.listenerCount('readable') > 0) return false;
  return socket.readableLength >= socket.readableHighWaterMark;
}
