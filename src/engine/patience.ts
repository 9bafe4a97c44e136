// Who may linger on after `timeout`: the rule of the native loop (EarnedMore in linger_loop.cc), for the others.

import type { LingerLimits } from './linger-loop.ts';

/** A peer that keeps up `minRate` has so many times `timeout`. */
const PATIENCE = 10;

/** A peer with hardly more than `minRate` would earn a moment at a time. It gets no more extensions than these. */
const MOST_EXTENSIONS = 300;

/**
 * Asked when the time of a linger is over.
 *
 * @returns until when it may go on: for as long as the average since `startedAt` stays at `minRate` if nothing more
 * comes. A time that is over already where the peer has sent too little.
 */
export function extendedDeadline(
  { timeout, minRate }: LingerLimits,
  startedAt: number,
  discardedBytes: number,
  time: number,
): number {
  const last = startedAt + timeout * PATIENCE;
  const earned = startedAt + (discardedBytes / minRate) * 1_000;
  if (Math.min(earned, last) <= time) return time;
  return Math.min(Math.max(earned, time + (last - startedAt) / MOST_EXTENSIONS), last);
}
