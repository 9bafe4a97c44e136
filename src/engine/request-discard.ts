// The discard stage for an HTTP connection of Bun and Deno. What the client sends arrives at its request alone there,
// and not at the socket, and nothing more of it arrives while the request is not read.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { timerAfterPoll } from '../core/after-poll.ts';
import { isConnectionReset } from '../core/error-kinds.ts';
import { runtime } from '../core/runtime.ts';
import { now } from '../core/time.ts';
import { destroyNow, hold } from '../socket/ownership.ts';
import { discardInput } from './discard-input.ts';
import type { LingerLimits } from './linger-loop.ts';
import { extendedDeadline } from './patience.ts';
import type { StreamEnd } from './stream-discard.ts';

/** The request by which the input of the connection can be discarded; undefined in Node.js, and outside of HTTP. */
export function unreadRequestOf(socket: Socket): IncomingMessage | undefined {
  if (!runtime) return undefined;
  return (socket as { parser?: { incoming?: IncomingMessage | null } | null }).parser?.incoming ?? undefined;
}

/**
 * Discards until the connection is closed, or a limit ends it. Arguments and result are those of `discardByStream`.
 * `until: 'drained'` is over with the request. Bun does not tell a client's FIN from its RST: the outcome is 'closed'.
 */
export function discardByRequest(
  socket: Socket,
  request: IncomingMessage,
  limits: LingerLimits,
  ended: (end: StreamEnd) => void,
): () => number {
  const startedAt = now();
  let progressAt = startedAt;
  let deadline = startedAt + limits.timeout;
  let discardedBytes = 0;
  let failure: NodeJS.ErrnoException | undefined;
  let cancelTimer: (() => void) | undefined;
  let over = false;

  // Their own call, when the connection is gone; or the application's, which is an order.
  hold(socket, (error) => {
    failure ??= error;
    onGone();
  });
  discardInput(request).on('data', onData).on('error', onError);
  discardInput(socket);
  socket.on('error', onError).on('end', onGone).on('close', onGone);
  if (limits.until === 'drained') request.on('end', onRequestEnd);
  schedule();

  function onData(chunk: Buffer): void {
    progressAt = now();
    const tooMany = discardedBytes + chunk.length > limits.maxBytes;
    discardedBytes = Math.min(discardedBytes + chunk.length, limits.maxBytes);
    if (tooMany) finish('max-bytes');
  }

  function onError(error: Error): void {
    failure = error;
  }

  function onRequestEnd(): void {
    finish('drained');
  }

  function onGone(): void {
    if (isConnectionReset(failure)) finish('peer-reset');
    else if (failure) finish('error');
    else finish(socket.readableEnded ? 'eof' : 'closed');
  }

  function schedule(): void {
    const at = Math.min(deadline, progressAt + limits.idleTimeout);
    cancelTimer = timerAfterPoll(Math.max(at - now(), 1), checkDeadlines, limits.ref !== false);
  }

  function checkDeadlines(): void {
    const time = now();
    if (over) return;
    if (time >= deadline) deadline = extendedDeadline(limits, startedAt, discardedBytes, time);
    if (time >= deadline) finish('timeout');
    else if (time >= progressAt + limits.idleTimeout) finish('idle');
    else schedule();
  }

  function stop(): number {
    over = true;
    cancelTimer?.();
    request.removeListener('data', onData).removeListener('end', onRequestEnd);
    socket.removeListener('end', onGone).removeListener('close', onGone);
    return discardedBytes;
  }

  function finish(outcome: StreamEnd['outcome']): void {
    if (over) return;
    stop();
    if (!socket.destroyed) destroyNow(socket);
    ended({ outcome, discardedBytes, error: failure });
  }

  return stop;
}
