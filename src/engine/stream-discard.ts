// The streams engine: the discard stage of a close, through Node's own socket, where the addon's loop cannot do it. FIN
// has been sent. The limits and the report are the same, as far as JavaScript can tell.

import type { Socket } from 'node:net';
import { afterPoll, timerAfterPoll } from '../core/after-poll.ts';
import { isConnectionReset, isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { now, setImmediate } from '../core/time.ts';
import { failureOf } from '../socket/failure.ts';
import { destroyNow, hold, isResetting } from '../socket/ownership.ts';
import { obeyDestroy, switchLingerOff } from '../socket/reset.ts';
import { isGone } from '../socket/tls.ts';
import { discardInput } from './discard-input.ts';
import type { LingerLimits, Outcome } from './linger-loop.ts';
import { extendedDeadline } from './patience.ts';

export interface StreamEnd {
  outcome: Outcome;
  discardedBytes: number;
  error?: NodeJS.ErrnoException | undefined;
}

/** One turn of the event loop reads 64 KiB or more. So many turns have read all that a receive buffer can hold. */
const MAX_TURNS = 64;

/** Milliseconds between two looks at the socket, which the application may have changed. */
const LOOK = 1_000;

/**
 * Discards until the linger is over, then destroys the socket and calls `ended` once. That is never before this
 * function returns.
 * @returns a function that stops the discard and returns the bytes discarded so far. `ended` is then not called, and
 * the caller destroys the socket.
 */
export function discardByStream(socket: Socket, limits: LingerLimits, ended: (end: StreamEnd) => void): () => number {
  const { until, idleTimeout, timeout, maxBytes, ref = true } = limits;
  const startedAt = now();
  let deadline = startedAt + timeout;
  let progressAt = startedAt;
  let discardedBytes = 0;
  let failure: Error | undefined;
  let cancelTimer: (() => void) | undefined;
  let over = false;

  // Node and applications may still destroy() a socket that they have ended. This stage is there to ignore that call. A
  // call with an error destroys the socket, unless the error is about input, which is discarded anyway, or about a
  // write that came too late.
  hold(socket, (error) => {
    const resetting = isResetting(socket);
    if (!resetting && (!error || isInputError(error) || isRefusedWrite(error))) return;
    failure ??= error;
    obeyDestroy(socket, error);
    // Behind 'close', for which our listener may be gone, or which may never come.
    setImmediate(setImmediate, onClose);
  });
  const countedFrom = socket.bytesRead - socket.readableLength;
  listen();
  if (until === 'drained') afterPoll(() => finishWhenDrained('drained'));
  if (socket.readableEnded) setImmediate(onEnd);
  else schedule();

  function listen(): void {
    // The HTTP parser reads from the handle, past the stream. A 'data' listener makes it stop: it must not begin
    // another request now.
    socket.on('data', onData);
    discardInput(socket);
    // resume() alone does not start to read: the stream was paused while the parser read past it, takes a read to be
    // under way, and would wait for that read for ever.
    socket._read(0);
    socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  }

  /**
   * Nothing that the application does to the socket may take the limits away: it may have removed our listeners, or
   * paused the socket. @returns whether the discard is over
   */
  function lookAgain(): boolean {
    if (endIfDestroyed()) return true;
    if (socket.readableEnded) {
      onEnd();
      return true;
    }
    if (socket.readableFlowing && socket.listeners('data').includes(onData)) return false;
    if (count() > maxBytes) {
      finish('max-bytes');
      return true;
    }
    stopListening();
    socket.removeListener('error', onError);
    listen();
    return false;
  }

  function stopListening(): void {
    socket.removeListener('data', onData).removeListener('end', onEnd).removeListener('close', onClose);
  }

  function finish(outcome: Outcome): void {
    if (over) return;
    stop();
    switchLingerOff(socket);
    destroyNow(socket);
    ended({ outcome, discardedBytes, error: failure });
  }

  function stop(): number {
    over = true;
    count();
    cancelTimer?.();
    // The 'error' listener stays: without one a later error would be thrown.
    stopListening();
    return discardedBytes;
  }

  function onData(): void {
    if (count() > maxBytes) finish('max-bytes');
  }

  /**
   * Not the chunks are counted: the application may have called setEncoding, or may emit 'data' by hand.
   * @returns bytes read since the begin
   */
  function count(): number {
    const read = socket.bytesRead - countedFrom;
    if (read > discardedBytes) {
      progressAt = now();
      discardedBytes = Math.min(read, maxBytes);
    }
    return read;
  }

  // An application may emit 'end' and 'close' by hand.
  function onEnd(): void {
    if (socket.readableEnded) finish(until === 'drained' ? 'drained' : 'eof');
  }

  function onError(error: Error): void {
    failure = error;
  }

  function onClose(): void {
    if (!isGone(socket)) return;
    failure ??= failureOf(socket);
    finish(isConnectionReset(failure) ? 'peer-reset' : failure ? 'error' : 'closed');
  }

  /**
   * Finishes once the receive queue is empty: a whole turn of the event loop has read nothing. MAX_TURNS ends this for
   * a peer that sends without a pause. Where the socket is destroyed by then, the read met an error, and 'close' will
   * tell it at the end of this turn.
   */
  function finishWhenDrained(outcome: Outcome, before = -1, turns = 0): void {
    if (endIfDestroyed()) return;
    count();
    if (discardedBytes === before || turns === MAX_TURNS) finish(outcome);
    else {
      const read = discardedBytes;
      afterPoll(() => finishWhenDrained(outcome, read, turns + 1));
    }
  }

  /** Whether the discard is over, or will be over in the next turn at the latest. */
  function endIfDestroyed(): boolean {
    // 'close' comes before the next turn, unless the application has removed our listener.
    if (!over && isGone(socket)) setImmediate(onClose);
    return over || isGone(socket);
  }

  function schedule(): void {
    const at = Math.min(deadline, progressAt + idleTimeout, now() + LOOK);
    // With `ref` it is the timer that keeps the process alive, and not the socket: the socket may be gone without an
    // event where the application has removed our listeners.
    cancelTimer = timerAfterPoll(Math.max(at - now(), 1), checkDeadlines, ref);
  }

  function checkDeadlines(): void {
    if (over || lookAgain()) return;
    const time = now();
    // What the peer sent in time may still be in the receive queue. It is discarded first, so that it causes no RST.
    if (time >= deadline) deadline = extendedDeadline(limits, startedAt, discardedBytes, time);
    if (time >= deadline) finishWhenDrained('timeout');
    else if (time >= progressAt + idleTimeout) finish('idle');
    else schedule();
  }

  return stop;
}
