// The first stage of a close: what was written goes out, and FIN behind it. Whatever the peer sends meanwhile is discarded, for two sides that only
// write would wait for each other for ever. A slow reader may take as long as it likes; only lack of progress ends this stage.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { discardInput, takeInput } from '../engine/discard-input.ts';
import { writeQueueSize } from '../socket/descriptor.ts';
import { destroyNow, hold, letGo } from '../socket/ownership.ts';
import { outputMark } from '../socket/queues.ts';
import { switchLingerOff } from '../socket/reset.ts';
import { isTls } from '../socket/tls.ts';

export interface FlushLimits {
  /** No byte received and none acknowledged for so long. */
  idleTimeout: number;
  /** No byte acknowledged for so long, however busily the peer sends: it does not read, and may never. */
  timeout: number;
  /** Over so many bytes of input nothing more is read; output is not cut off for it. */
  maxBytes: number;
  /** Whether it keeps the process alive. */
  ref: boolean;
}

export interface FlushEvents {
  /** FIN is out; the socket is still open. */
  flushed(): void;
  stalled(outcome: 'idle' | 'timeout'): void;
  /** Somebody else destroyed the socket, or it failed. */
  closed(error: NodeJS.ErrnoException | undefined): void;
}

/**
 * Ends a socket that has not finished yet, and tells of one of the events, later and once, unless `stop` comes first.
 * @returns `stop`, which leaves the socket as it is
 */
export function flush(socket: Socket, limits: FlushLimits, events: FlushEvents): () => void {
  const readBefore = socket.bytesRead;
  let failure: Error | undefined;
  let stopped = false;

  // Core's destroySoon() may have run before us: its destroy-on-finish would close right behind the FIN.
  socket.removeListener('finish', socket.destroy).removeListener('finish', Socket.prototype.destroy);
  // Without a listener a peer's RST would be an uncaught exception.
  socket.on('error', onError).on('finish', onFinish).on('close', onClose);
  hold(socket, (error) => {
    // What is pending must not be lost to input that nobody wants any more, nor to a write that came too late: its own callback has the error.
    if (isInputError(error) || isRefusedWrite(error)) return;
    // A callback of end(), or an older 'finish' listener: FIN is out.
    if (!error && socket.writableFinished) {
      onFinish();
      return;
    }
    switchLingerOff(socket);
    destroyNow(socket, error);
  });
  takeInput(socket);
  socket.end();
  let mark: Progress;
  let timer: NodeJS.Timeout | undefined;
  // With nothing queued, FIN leaves in this turn of the event loop: nothing to watch. A socket under TLS or HTTP/2 may have a queue that its stream does
  // not know of, and TLS has closing words of its own, which may find a full buffer.
  if (socket.writableLength > 0 || writeQueueSize(socket) > 0 || isTls(socket)) watch();

  function watch(): void {
    mark = takeProgress(socket);
    if (socket.writableLength > 0) discardAllInput();
    schedule();
  }

  function schedule(): void {
    // A blocked event loop runs timers before it looks at sockets, so the decision waits until it has looked.
    timer = setTimeout(setImmediate, tick(limits), decide);
    if (!limits.ref) timer.unref();
  }

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    socket.removeListener('finish', onFinish).removeListener('close', onClose);
    // Behind the last 'error' listener an error would be thrown: this one stays, and keeps nothing alive.
    socket.on('error', ignore).removeListener('error', onError);
    letGo(socket);
  }

  function onError(error: Error): void {
    failure = error;
  }

  function onFinish(): void {
    // emit() goes through a copy of the listeners: the second of two calls may come from there.
    if (stopped) return;
    stop();
    events.flushed();
  }

  function onClose(): void {
    stop();
    events.closed(failure);
  }

  function decide(): void {
    if (stopped) return;
    mark = progressed(mark, takeProgress(socket));
    const now = performance.now();
    const outcome =
      now - mark.outputAt >= limits.timeout ? 'timeout' : now - mark.anyAt >= limits.idleTimeout ? 'idle' : undefined;
    if (outcome) {
      stop();
      events.stalled(outcome);
    } else {
      discardAllInput();
      schedule();
    }
  }

  function discardAllInput(): void {
    // Under an HTTP server it is the request that is read, or not read and so holds up the socket; the parser must go on seeing every byte.
    const request = (socket as { _httpMessage?: (ServerResponse & { req?: IncomingMessage }) | null })._httpMessage
      ?.req;
    const source = request ?? socket;
    if (isAtLimit()) {
      // The peer is read no more, and so can send no more; what is pending for it still goes out if it reads.
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
  received: number;
  output: string;
  anyAt: number;
  outputAt: number;
}

function takeProgress(socket: Socket): Progress {
  const now = performance.now();
  return { received: socket.bytesRead, output: outputMark(socket), anyAt: now, outputAt: now };
}

function progressed(before: Progress, now: Progress): Progress {
  const moved = now.output !== before.output;
  return {
    ...now,
    outputAt: moved ? now.outputAt : before.outputAt,
    anyAt: moved || now.received !== before.received ? now.anyAt : before.anyAt,
  };
}
