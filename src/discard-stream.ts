// The streams engine: the discard stage of a close over Node's own socket, where the addon's loop cannot serve. FIN is out; the limits and the report are the
// same as far as JavaScript can tell.
import type { Socket } from 'node:net';
import { destroyNow, interceptDestroy } from './destroy.ts';
import { discardInput } from './discard-input.ts';
import { isConnectionReset, isParserError } from './errors.ts';
import { clearLinger } from './linger.ts';
import type { LingerLimits, Outcome } from './linger-loop.ts';

export interface StreamEnd {
  outcome: Outcome;
  discardedBytes: number;
  error?: NodeJS.ErrnoException | undefined;
}

/**
 * Discards until the linger is over, then destroys the socket and tells of it, later and once, unless the returned function comes first.
 * @returns a function that ends it and gives the bytes so far; the socket is then the caller's to destroy
 */
export function discardByStream(socket: Socket, limits: LingerLimits, ended: (end: StreamEnd) => void): () => number {
  const { until, idleTimeout, timeout, maxBytes } = limits;
  const startedAt = performance.now();
  let progressAt = startedAt;
  let discardedBytes = 0;
  let failure: Error | undefined;
  let timer: NodeJS.Timeout | undefined;
  let over = false;

  // Core and applications may still destroy() a socket that they have ended: that is what this stage is for. An error is meant.
  interceptDestroy(socket, (error) => {
    if (!error || isParserError(error)) return;
    clearLinger(socket);
    destroyNow(socket, error);
  });
  // The HTTP parser, which reads past JavaScript, is told by a 'data' listener to read no more: it must not take up another request now.
  socket.on('data', onData);
  discardInput(socket);
  socket.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  if (until === 'drained') setImmediate(checkDrained, -1);
  if (socket.readableEnded) setImmediate(onEnd);
  else schedule();

  function finish(outcome: Outcome): void {
    if (over) return;
    stop();
    clearLinger(socket);
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
    const error = failure ?? socket.errored;
    failure = error ?? undefined;
    finish(isConnectionReset(error) ? 'peer-reset' : error ? 'error' : 'closed');
  }

  // The queue is empty when a whole turn of the event loop has read nothing.
  function checkDrained(before: number): void {
    if (over) return;
    if (discardedBytes === before) finish('drained');
    else setImmediate(checkDrained, discardedBytes);
  }

  function schedule(): void {
    const at = Math.min(startedAt + timeout, progressAt + idleTimeout);
    if (at === Infinity) return;
    // Node's timers end at 2^31 - 1 ms; one that fires too early looks, and starts anew. Behind setImmediate, for a blocked event loop runs timers
    // before it looks at sockets.
    const delay = Math.min(Math.max(at - performance.now(), 1), 2_147_483_647);
    timer = setTimeout(() => setImmediate(checkDeadlines), delay);
    timer.unref();
  }

  function checkDeadlines(): void {
    if (over) return;
    const now = performance.now();
    if (now >= startedAt + timeout) finish('timeout');
    else if (now >= progressAt + idleTimeout) finish('idle');
    else schedule();
  }

  return stop;
}
