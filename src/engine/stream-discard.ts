// The streams engine: the discard stage of a close over Node's own socket, where the addon's loop cannot serve. FIN is out; the limits and the report are the
// same as far as JavaScript can tell.

import type { Socket } from 'node:net';
import { isConnectionReset, isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { destroyNow, hold } from '../socket/ownership.ts';
import { switchLingerOff } from '../socket/reset.ts';
import { discardInput } from './discard-input.ts';
import type { LingerLimits, Outcome } from './linger-loop.ts';

export interface StreamEnd {
  outcome: Outcome;
  discardedBytes: number;
  error?: NodeJS.ErrnoException | undefined;
}

/** One turn of the event loop reads 64 KiB or more: so many have seen all that a receive buffer holds. */
const MAX_TURNS = 64;

/**
 * Discards until the linger is over, then destroys the socket and tells of it, later and once, unless the returned function comes first.
 * @returns a function that ends it and gives the bytes so far; the socket is then the caller's to destroy
 */
export function discardByStream(socket: Socket, limits: LingerLimits, ended: (end: StreamEnd) => void): () => number {
  const { until, idleTimeout, timeout, maxBytes, ref } = limits;
  const startedAt = performance.now();
  let progressAt = startedAt;
  let discardedBytes = 0;
  let failure: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  // Core and applications may still destroy() a socket that they have ended: that is what this stage is for. An error is meant, unless it is
  // about input that nobody wants, or about a write that came too late.
  hold(socket, (error) => {
    if (!error || isInputError(error) || isRefusedWrite(error)) return;
    switchLingerOff(socket);
    destroyNow(socket, error);
  });
  // The HTTP parser, which reads past JavaScript, is told by a 'data' listener to read no more: it must not take up another request now.
  socket.on('data', onData);
  discardInput(socket);
  // Nor does it hear of resume() any more: paused while the parser read past it, the stream would wait for ever for the read that it takes to be under way.
  socket._read(0);
  socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  if (until === 'drained') setImmediate(finishWhenDrained, 'drained');
  if (socket.readableEnded) setImmediate(onEnd);
  else schedule();

  function finish(outcome: Outcome): void {
    if (over) return;
    stop();
    switchLingerOff(socket);
    destroyNow(socket);
    ended({ outcome, discardedBytes, error: failure });
  }

  function stop(): number {
    over = true;
    clearTimeout(timer);
    socket.removeListener('data', onData).removeListener('end', onEnd).removeListener('close', onClose);
    return discardedBytes;
  }

  function onData(chunk: Buffer): void {
    progressAt = performance.now();
    const tooMany = discardedBytes + chunk.length > maxBytes;
    discardedBytes = Math.min(discardedBytes + chunk.length, maxBytes);
    if (tooMany) finish('max-bytes');
  }

  function onEnd(): void {
    finish(until === 'drained' ? 'drained' : 'eof');
  }

  function onError(error: Error): void {
    failure = error;
  }

  function onClose(): void {
    finish(isConnectionReset(failure) ? 'peer-reset' : failure ? 'error' : 'closed');
  }

  /**
   * Finishes once the queue is empty: a whole turn of the event loop has read nothing. A fast sender is not waited for. A socket that is destroyed by then has met an
   * error in its queue, which its 'close' tells, at the end of this turn.
   */
  function finishWhenDrained(outcome: Outcome, before = -1, turns = 0): void {
    if (endIfDestroyed()) return;
    if (discardedBytes === before || turns === MAX_TURNS) finish(outcome);
    else setImmediate(finishWhenDrained, outcome, discardedBytes, turns + 1);
  }

  /** Whether it is over, or will be in the next turn at the latest. */
  function endIfDestroyed(): boolean {
    // 'close' comes before the next turn, unless the application has taken the listener away.
    if (!over && socket.destroyed) setImmediate(onClose);
    return over || socket.destroyed;
  }

  function schedule(): void {
    const at = Math.min(startedAt + timeout, progressAt + idleTimeout);
    if (at === Infinity) return;
    // Node's timers end at 2^31 - 1 ms; one that fires too early looks, and starts anew.
    timer = setTimeout(checkDeadlines, Math.min(Math.max(at - performance.now(), 1), 2_147_483_647));
    // Not left to the socket, which may be gone without a word where the application has taken the listeners away.
    if (!ref) timer.unref();
  }

  function checkDeadlines(): void {
    const now = performance.now();
    // A blocked event loop runs timers before it looks at sockets: the queue decides, not the clock.
    if (now >= startedAt + timeout) finishWhenDrained('timeout');
    else if (now >= progressAt + idleTimeout) setImmediate(checkIdle, discardedBytes);
    else schedule();
  }

  function checkIdle(before: number): void {
    if (endIfDestroyed()) return;
    if (discardedBytes === before) finish('idle');
    else schedule();
  }

  return stop;
}
