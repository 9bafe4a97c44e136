// Connections of an HTTP/1 server on which neither side would ever read again. A client that sends its whole request
// before it reads waits for Node to read, and Node waits for the client. This happens
// - behind a last response that is larger than the buffers between the two: Node reads on only when the response is
//   out;
// - behind the answer to a refused upgrade: such a socket is not read at all. A look at all connections once a second
//   finds them. A hook on each request or connection would cost those that work.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { timerAfterPoll } from '../core/after-poll.ts';
import { now } from '../core/time.ts';
import { outputMark } from '../socket/queues.ts';

export interface WatchedConnections {
  /** The sockets that the application knows: TLSSockets where there is TLS. */
  readonly sockets: Iterable<Socket>;
  /** Milliseconds without progress, after which a flush is given up. */
  readonly flushTimeout: number;
  giveUpFlush(socket: Socket): void;
  /** Ends a connection that has sent its FIN. */
  close(socket: Socket): void;
}

/** The application has ended the last response, and part of the response is still in the process. */
interface Flush {
  mark: string;
  /** When the peer last took something, in milliseconds of core/time.ts. */
  progressAt: number;
}

/** An application may construct a response by hand, so `req` may be anything. */
type HttpSocket = Socket & {
  parser?: unknown;
  _httpMessage?: (ServerResponse & { _last?: boolean; req: unknown }) | null;
};

const LOOK = 1_000;

export class StalledConnections {
  readonly #connections: WatchedConnections;
  #flushes = new Map<Socket, Flush>();
  #cancel: (() => void) | undefined;

  constructor(connections: WatchedConnections) {
    this.#connections = connections;
  }

  /** Looks at the connections once a second, as long as there are any. */
  watch(): void {
    this.#cancel ??= timerAfterPoll(LOOK, this.#look, false);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#flushes.clear();
  }

  readonly #look = (): void => {
    this.#cancel = undefined;
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
      // Also where a listener of the application has thrown.
      if (any) this.watch();
    }
  };

  #onFlush(socket: Socket, request: unknown, before: Flush | undefined): void {
    const time = now();
    const mark = outputMark(socket);
    const stalled = before?.mark === mark;
    if (request instanceof Readable) readOn(request as IncomingMessage, stalled);
    if (stalled && time - before.progressAt >= this.#connections.flushTimeout) this.#connections.giveUpFlush(socket);
    else this.#flushes.set(socket, { mark, progressAt: stalled ? before.progressAt : time });
  }
}

/**
 * Reads the rest of a request where nothing else reads it. If the request was never read, Node would throw it away once
 * the response is out, so it may be read now. If it was read in part, Node would cut the rest off right behind the
 * response: when the response stalls, a paused request is resumed, and its reader may pause it again. Nothing is taken
 * away from a listener or a pipe, for which 'end' says that all data came.
 */
function readOn(request: IncomingMessage, stalled: boolean): void {
  if (request.complete || request.readableFlowing) return;
  if (stalled || (request.readableFlowing === null && request.listenerCount('readable') === 0)) request.resume();
}

/**
 * An 'upgrade' or 'connect' listener has ended the socket (with a 401, say). Node has stopped reading, because the
 * buffer of the socket is full, so Node would never see the EOF of the client.
 */
function isRefusedUpgrade(socket: HttpSocket): boolean {
  if (socket.parser || socket.destroyed || socket.readableEnded) return false;
  // `null`: the socket has no reader, and no reader has paused it. Node sets null when it gives a socket to a listener.
  if (socket.readableFlowing !== null || socket.listenerCount('readable') > 0) return false;
  return socket.readableLength >= socket.readableHighWaterMark;
}
