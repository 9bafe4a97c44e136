// Connections that would wait for ever, because neither side will read again, or because nothing limits them. A client
// that sends its whole request before it reads waits for Node to read, and Node waits for the client. This happens
// - behind a last response that is larger than the buffers between the two: Node reads on only when the response is
//   out;
// - behind a response that leaves the connection open, when the application has stopped to read the request;
// - behind `socket.end()`: a socket that nothing reads never sees the EOF of its peer, and Node has no limit for it.
// A look at all connections once a second finds them. A hook on each request or connection would cost those that work.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { isClosing } from '../close/linger-guard.ts';
import { timerAfterPoll } from '../core/after-poll.ts';
import { inSlices } from '../core/slices.ts';
import { throwLater } from '../core/throw-later.ts';
import { now } from '../core/time.ts';
import { takeInput } from '../engine/discard-input.ts';
import { outputMark } from '../socket/queues.ts';
import { type Consumer, consumerOf, consumerOfEnded, type Parser, unfinishedRequest } from './unread-input.ts';

export interface WatchedConnections {
  /** The sockets that the application knows: TLSSockets where there is TLS. */
  readonly sockets: readonly Socket[];
  /** Milliseconds without progress, after which a flush is given up. */
  readonly flushTimeout: number;
  /** Whether a socket with `allowHalfOpen` is one of a protocol in which the peer may go on after our FIN. */
  readonly hasHalfOpenProtocol: boolean;
  giveUpFlush(socket: Socket): void;
  /** Ends a connection that can serve nothing more. */
  closeStalled(socket: Socket): void;
  /** Whether bytes wait in the kernel; true where that cannot be known. */
  mayHavePending(socket: Socket): boolean;
}

/** The application has ended its output, and a part of it is still in the process. */
interface Flush {
  mark: string;
  /** When the peer last took something, in milliseconds of core/time.ts. */
  progressAt: number;
}

/** Nothing seems to read the connection. */
interface Wait {
  mark: string;
  /** Looks in a row that have found the same. */
  looks: number;
  /** Whether input was read while the connection was watched: then its reader is slow, and not gone. */
  moved: boolean;
}

/** An application may construct a response by hand, so `req` may be anything. */
type HttpSocket = Socket & {
  parser?: Parser | null;
  _httpMessage?: (ServerResponse & { _last?: boolean; req: unknown }) | null;
};

const LOOK = 1_000;

/** Looks that must find the same: an application may be about to attach another consumer. */
const LOOKS = 2;

/**
 * The same for a request that the application has paused, and may resume. That is what `pause()` behind a 413 looks
 * like, and also an application that reads slowly behind a 202. Node's own default, keepAliveTimeout, gives both five
 * seconds.
 */
const LOOKS_PAUSED = 6;

export class StalledConnections {
  readonly #connections: WatchedConnections;
  #flushes = new Map<Socket, Flush>();
  #waits = new Map<Socket, Wait>();
  /** Sockets that are read only because this class has resumed them. */
  readonly #resumed = new WeakSet<Socket>();
  #cancel: (() => void) | undefined;

  constructor(connections: WatchedConnections) {
    this.#connections = connections;
  }

  /** Looks at the connections once a second, as long as there are any. */
  watch(): void {
    this.#cancel ??= timerAfterPoll(LOOK, () => void this.#look(), false);
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#flushes.clear();
    this.#waits.clear();
  }

  readonly #look = async (): Promise<void> => {
    let over = false;
    this.#cancel = () => {
      over = true;
    };
    const [flushes, waits] = [this.#flushes, this.#waits];
    this.#flushes = new Map();
    this.#waits = new Map();
    const { sockets } = this.#connections;
    const lookAt = (socket: Socket) => {
      try {
        if (!socket.destroyed) this.#lookAt(socket, flushes.get(socket), waits.get(socket));
      } catch (error) {
        // A listener of the application.
        throwLater(error);
      }
    };
    await inSlices(sockets, lookAt, () => over);
    if (over) return;
    this.#cancel = undefined;
    if (sockets.length > 0) this.watch();
  };

  #lookAt(socket: HttpSocket, flush: Flush | undefined, wait: Wait | undefined): void {
    const { _httpMessage: response } = socket;
    if (response?._last && response.writableEnded && socket.writableLength > 0) {
      this.#onFlush(socket, response.req, flush);
    } else if (socket.writableEnded) {
      if (this.#isUnreadEnd(socket)) this.#onEnd(socket, flush, wait);
    } else if (socket.parser && !response) {
      const request = unfinishedRequest(socket.parser);
      if (request) this.#onAnswered(socket, request, wait);
    }
  }

  #onFlush(socket: Socket, source: unknown, before: Flush | undefined): void {
    if (isClosing(socket)) return;
    const time = now();
    const mark = outputMark(socket);
    const stalled = before?.mark === mark;
    if (source instanceof Readable) this.#readOn(socket, source, stalled);
    if (stalled && time - before.progressAt >= this.#connections.flushTimeout) this.#connections.giveUpFlush(socket);
    else this.#flushes.set(socket, { mark, progressAt: stalled ? before.progressAt : time });
  }

  /**
   * Reads the rest of the input where nothing else reads it. If a request was never read, Node would throw it away once
   * the response is out, so it may be read now. If it was read in part, Node would cut the rest off right behind the
   * response: when the response stalls, a paused request is resumed, and its reader may pause it again. Nothing is
   * taken away from a listener or a pipe, for which 'end' says that all data came. A socket without a parser is the
   * application's, which may still want to read: it is resumed only when the output stalls and nothing reads.
   */
  #readOn(socket: Socket, source: Readable & { complete?: boolean }, stalled: boolean): void {
    if (source.complete) return;
    if (source.destroyed) {
      if (stalled) this.#discardBehind(socket);
    } else if (source.readableFlowing) {
      return;
    } else if (source === socket) {
      if (!stalled) return;
      this.#resumed.add(socket);
      source.resume();
    } else if (stalled || (source.readableFlowing === null && source.listenerCount('readable') === 0)) {
      source.resume();
    }
  }

  /**
   * Nothing more can be read through the request. A 'data' listener makes Node's parser leave the connection, which
   * ends with this response.
   */
  #discardBehind(socket: Socket): void {
    if (this.#resumed.has(socket)) return;
    this.#resumed.add(socket);
    takeInput(socket).on('data', () => {});
    socket.resume();
    // The parser has read past the stream, which takes a read to be under way.
    socket._read(0);
  }

  /** Whether a socket was ended, its peer has not ended, and nothing reads what the peer still sends. */
  #isUnreadEnd(socket: Socket): boolean {
    if (socket.destroyed || socket.readableEnded || isClosing(socket)) return false;
    if (socket.allowHalfOpen && this.#connections.hasHalfOpenProtocol) return false;
    return this.#resumed.has(socket) || consumerOfEnded(socket) === 'none';
  }

  #onEnd(socket: HttpSocket, flush: Flush | undefined, wait: Wait | undefined): void {
    if (!socket.writableFinished) this.#onFlush(socket, socket.parser ? socket.parser.incoming : socket, flush);
    else this.#onWait(socket, 'ended', LOOKS, wait);
  }

  /**
   * The response is out, and the rest of the request has stopped. The bytes of it that wait in the kernel, or that fill
   * the buffer, show that Node has stopped to read: no other request can be read on this connection.
   */
  #onAnswered(socket: Socket, request: Readable, wait: Wait | undefined): void {
    const consumer: Consumer = consumerOf(request);
    if (consumer === 'reads' || isClosing(socket)) return;
    const isFull = request.readableLength >= request.readableHighWaterMark;
    if (!isFull && !this.#connections.mayHavePending(socket)) return;
    const mark = `${socket.bytesRead} ${request.readableLength}`;
    const looks = consumer === 'none' ? LOOKS : wait?.moved ? Infinity : LOOKS_PAUSED;
    this.#onWait(socket, mark, looks, wait);
  }

  #onWait(socket: Socket, mark: string, looks: number, before: Wait | undefined): void {
    const same = before?.mark === mark;
    const wait: Wait = { mark, looks: same ? before.looks + 1 : 1, moved: before !== undefined && !same };
    if (before?.moved) wait.moved = true;
    if (wait.looks >= looks) this.#connections.closeStalled(socket);
    else this.#waits.set(socket, wait);
  }
}
