// Since when a connection is idle.

import type { Socket } from 'node:net';
import { clearTimeout, now, setTimeout } from '../core/time.ts';

interface Timer {
  /** Milliseconds of the event loop's clock. */
  _idleStart?: number;
  /** -1 for a timer that was stopped. */
  _idleTimeout?: number;
}

/** Where a socket has the timer of its setTimeout(). All sockets have it under the same symbol. */
let symbol: symbol | undefined;

/**
 * When something was last read from or written to a socket, in milliseconds of core/time.ts. Node starts the timer of a
 * socket anew with each of both, so the timer knows. A socket without a timer (`keepAliveTimeout: 0`) is idle since
 * now.
 */
export function idleSince(socket: Socket): number {
  symbol ??= Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'timeout');
  const timer = symbol && (socket as unknown as Record<symbol, Timer | null | undefined>)[symbol];
  const runs = timer?._idleTimeout !== undefined && timer._idleTimeout > 0;
  const elapsed = runs ? loopTime() - (timer._idleStart ?? Number.NaN) : 0;
  return elapsed > 0 ? now() - elapsed : now();
}

let readAt = -1;
let read = Number.NaN;

/** The event loop's clock. It is only read where a timer starts. */
function loopTime(): number {
  // Some milliseconds more or less do not matter, and a timer for each of thousands of sockets would.
  if (now() - readAt > 5) {
    const timer = setTimeout(() => {}, 1);
    read = (timer as Timer)._idleStart ?? Number.NaN;
    clearTimeout(timer);
    readAt = now();
  }
  return read;
}
