// Connections of an HTTP/1 server on which neither side would ever read again. A client that sends all of its request before it reads waits for Node to read, and Node waits for the
// client: behind a last response that is larger than the buffers between them, where Node reads on only when that is out; and behind the answer to an upgrade that was refused, which
// nobody reads at all. They are found by a look at all connections once a second: a hook to each request, or each connection, would cost those for which nothing is wrong.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { outputMark } from '../socket/queues.ts';

export interface WatchedConnections {
  /** As the application knows them. */
  readonly sockets: Iterable<Socket>;
  /** Milliseconds without progress, after which a flush is given up. */
  readonly flushTimeout: number;
  giveUpFlush(socket: Socket): void;
  /** Ends a connection that has sent its FIN. */
  close(socket: Socket): void;
}

/** A last response that the application has ended, and not all of which has left the process. */
interface Flush {
  mark: string;
  /** When the peer last took something, in milliseconds of performance.now(). */
  progressAt: number;
}

/** The request is whatever the application has made a response of. */
type HttpSocket = Socket & {
  parser?: unknown;
  _httpMessage?: (ServerResponse & { _last?: boolean; req: unknown }) | null;
};

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
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const before = this.#flushes;
    this.#flushes = new Map();
    let any = false;
    try {
      for (const socket of this.#connections.sockets) {
        any = true;
        const { _httpMessage: response } = socket as HttpSocket;
        if (response?._last && response.writableEnded && socket.writableLength > 0)
          this.#onFlush(socket, response.req, before.get(socket));
        else if (socket.writableFinished && isRefusedUpgrade(socket)) this.#connections.close(socket);
      }
    } finally {
      // Also behind an error that a listener of the application has thrown.
      if (any) this.watch();
    }
  };

  #onFlush(socket: Socket, request: unknown, before: Flush | undefined): void {
    const now = performance.now();
    const mark = outputMark(socket);
    const stalled = before?.mark === mark;
    if (request instanceof Readable) readOn(request as IncomingMessage, stalled);
    if (stalled && now - before.progressAt >= this.#connections.flushTimeout) this.#connections.giveUpFlush(socket);
    else this.#flushes.set(socket, { mark, progressAt: stalled ? before.progressAt : now });
  }
}

/**
 * Nobody reads the request, nor ever has: Node would begin to throw it away when the response is out. Of one that is read in part it would cut the rest off right behind the response:
 * when that stalls, whoever has paused the request gets more of it, and may pause it again. Nothing is taken away from a listener or a pipe: an 'end' says that all of the data came.
 */
function readOn(request: IncomingMessage, stalled: boolean): void {
  if (request.complete || request.readableFlowing) return;
  if (stalled || (request.readableFlowing === null && request.listenerCount('readable') === 0)) request.resume();
}

/** An 'upgrade' or 'connect' listener has ended it, with a 401 say, and Node has stopped reading, with its buffer full: the client's EOF would never be seen. */
function isRefusedUpgrade(socket: HttpSocket): boolean {
  if (socket.parser || socket.destroyed || socket.readableEnded) return false;
  // `null`: nobody reads it, nor has paused it. Node sets that when it hands a socket to a listener.
  if (socket.readableFlowing !== null || socket.listenerCount('readable') > 0) return false;
  return socket.readableLength >= socket.readableHighWaterMark;
}
