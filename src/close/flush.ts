// The first stage of a close: what was written is sent, and then FIN. What the peer sends in this time is discarded:
// two sides that only write would wait for each other for ever. A slow reader may take as long as it needs; only lack
// of progress ends this stage.

import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { timerAfterPoll } from '../core/after-poll.ts';
import { isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { nextTick, now, setImmediate } from '../core/time.ts';
import { discardInput, takeInput } from '../engine/discard-input.ts';
import { findDescriptor, writeQueueSize } from '../socket/descriptor.ts';
import { failureOf } from '../socket/failure.ts';
import { destroyNow, hold, isResetting, letGo } from '../socket/ownership.ts';
import { outputMark, readUnacked } from '../socket/queues.ts';
import { obeyDestroy } from '../socket/reset.ts';
import { isTls } from '../socket/tls.ts';

/** Milliseconds without progress after which a socket whose peer has ended may be stuck. */
const STUCK = 5_000;

export interface FlushLimits {
  /** Milliseconds in which no byte is received and none is acknowledged. */
  idleTimeout: number;
  /**
   * Milliseconds in which no byte is acknowledged, however much the peer sends: it does not read, and may never do so.
   */
  timeout: number;
  /** After so many bytes of input nothing more is read. Output still goes out. */
  maxBytes: number;
  /** Whether this stage keeps the process alive. Undefined: true. */
  ref: boolean | undefined;
}

export interface FlushEvents {
  /** FIN has been sent; the socket is still open. */
  flushed(): void;
  stalled(outcome: 'idle' | 'timeout'): void;
  /** Other code destroyed the socket, or it failed. */
  closed(error: NodeJS.ErrnoException | undefined): void;
}

type HttpSocket = Socket & { parser?: unknown; _httpMessage?: { req?: unknown } | null };

/**
 * Ends a socket that has not finished yet, and calls one of `events`, once. That is never before this function returns.
 * @returns a function that gives up: no event is called then, and the socket stays as it is
 */
export function flush(socket: Socket, limits: FlushLimits, events: FlushEvents): () => void {
  const readBefore = socket.bytesRead;
  let failure: Error | undefined;
  let stopped = false;

  // If Node's destroySoon() was called before, its 'finish' listeners would close right behind the FIN: one a call.
  for (const destroy of [socket.destroy, Socket.prototype.destroy])
    for (let left = socket.listenerCount('finish', destroy); left > 0; left--) socket.removeListener('finish', destroy);
  // Without an 'error' listener a RST of the peer would be an uncaught exception.
  socket.on('error', onError).on('finish', onFinish).on('close', onClose);
  hold(socket, onDestroy);
  takeInput(socket);
  // The application may remove our listeners. The callback of end() is no listener, and the timer looks at the socket.
  socket.end((error?: Error | null) => error ?? nextTick(look));
  // With nothing queued, FIN is sent in this turn of the event loop, so the queues are not asked yet. The handle of a
  // socket under TLS or HTTP/2 may have a queue that the stream does not know of.
  let progress: Progress | undefined;
  let cancelTimer: (() => void) | undefined;
  if (socket.writableLength > 0 || writeQueueSize(socket) > 0 || isTls(socket)) progress = takeProgress(socket);
  if (socket.writableLength > 0) discardAllInput();
  schedule();

  function onDestroy(error?: Error): void {
    // An error about input, which is discarded anyway, or about a write that came too late, whose callback gets the
    // error: pending output must not be lost for these.
    if (isInputError(error) || isRefusedWrite(error)) return;
    const resetting = isResetting(socket);
    // The caller is a callback of end(), or an older 'finish' listener: FIN has been sent.
    if (!error && !resetting && socket.writableFinished) {
      onFinish();
      return;
    }
    failure ??= error;
    obeyDestroy(socket, error);
    // Behind 'close', for which our listener may be gone, or which may never come.
    setImmediate(setImmediate, look);
  }

  function look(): void {
    if (stopped) return;
    if (socket.destroyed) onClose();
    else if (socket.writableFinished) onFinish();
  }

  function schedule(): void {
    cancelTimer = timerAfterPoll(tick(limits), decide, limits.ref !== false);
  }

  function stop(): void {
    stopped = true;
    cancelTimer?.();
    socket.removeListener('finish', onFinish).removeListener('close', onClose);
    // Without an 'error' listener a later error would be thrown. This one stays; it refers to nothing of this close.
    socket.on('error', ignore).removeListener('error', onError);
    letGo(socket);
  }

  function onError(error: Error): void {
    failure = error;
  }

  function onFinish(): void {
    // emit() calls a copy of the list of listeners, so it may call this one although stop() has removed it. An
    // application may also emit the event by hand.
    if (stopped || !socket.writableFinished) return;
    stop();
    events.flushed();
  }

  function onClose(): void {
    if (stopped || !socket.destroyed) return;
    stop();
    events.closed(failure ?? failureOf(socket));
  }

  function decide(): void {
    look();
    if (stopped) return;
    release();
    const current = takeProgress(socket);
    progress = progress ? progressed(progress, current) : current;
    const { at, outputAt, anyAt } = progress;
    const outcome = at - outputAt >= limits.timeout ? 'timeout' : at - anyAt >= limits.idleTimeout ? 'idle' : undefined;
    if (outcome) {
      stop();
      events.stalled(outcome);
    } else if (at - anyAt >= STUCK && isStuck()) {
      stop();
      destroyNow(socket);
      events.closed(failure ?? failureOf(socket));
    } else {
      discardAllInput();
      schedule();
    }
  }

  /** Nothing that the application does may hold the output back for ever. */
  function release(): void {
    for (let corks = socket.writableCorked; corks > 0; corks--) socket.uncork();
    // The application has an end() method of its own, which has not ended the socket.
    if (!socket.writableEnded && socket.writableLength === 0) Reflect.apply(Socket.prototype.end, socket, []);
  }

  /**
   * The peer has ended, and the kernel has nothing left to send, but the stream does not go on: the application has
   * broken it. It may have emitted an event by hand that Node.js itself listens to.
   */
  function isStuck(): boolean {
    return socket.readableEnded && writeQueueSize(socket) === 0 && !readUnacked(findDescriptor(socket));
  }

  function discardAllInput(): void {
    // With an HTTP server the request is what must be read: an unread request pauses the socket. The socket itself is
    // read by the parser, which must go on to see every byte. Without a parser (an upgrade) the request leads nowhere,
    // and that of a response that the application has made itself may be no stream.
    const { parser, _httpMessage } = socket as HttpSocket;
    const request = parser && _httpMessage?.req instanceof Readable ? _httpMessage.req : undefined;
    const source = request ?? socket;
    if (isAtLimit()) {
      // The peer is no longer read, so it will have to stop. Pending output still goes out if the peer reads.
      takeInput(source).pause();
      return;
    }
    discardInput(source);
    if (request) discardInput(socket);
    if (limits.maxBytes < Infinity) source.on('data', () => isAtLimit() && source.pause());
  }

  function isAtLimit(): boolean {
    return socket.bytesRead - readBefore >= limits.maxBytes;
  }

  return stop;
}

function ignore(): void {}

function tick({ idleTimeout, timeout }: FlushLimits): number {
  return Math.min(Math.max(Math.min(idleTimeout, timeout) / 4, 10), 1_000);
}

interface Progress {
  /** Bytes received. */
  received: number;
  /** The output mark: see {@link outputMark}. */
  output: string;
  /** When this was read. All times are those of `now()`. */
  at: number;
  /** When a byte was last received or acknowledged. */
  anyAt: number;
  /** When a byte was last acknowledged. */
  outputAt: number;
}

function takeProgress(socket: Socket): Progress {
  const at = now();
  return { received: socket.bytesRead, output: outputMark(socket), at, anyAt: at, outputAt: at };
}

function progressed(before: Progress, current: Progress): Progress {
  const moved = current.output !== before.output;
  return {
    ...current,
    outputAt: moved ? current.at : before.outputAt,
    anyAt: moved || current.received !== before.received ? current.at : before.anyAt,
  };
}
