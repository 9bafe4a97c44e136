// The timers and the clock of the library. No other file of it uses the global ones.
//
// Test tools fake time: vitest, jest and sinon replace the global functions and the properties of the `node:timers`
// module, and so does `mock.timers` of node:test. They do that while a test runs. This file takes the functions when
// the package is loaded, which is mostly earlier, so that a faked clock can neither hang a close nor speed it up.
// A fake that is there before the package is loaded is taken for the real one.

import timers from 'node:timers';

export const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate } = timers;

/** Under jest, `process` is a copy: a `nextTick` that is faked there stops this package, and not Node itself. */
export const { nextTick } = process;

/** node:perf_hooks has a clock too, but takes a millisecond to load. */
const { hrtime } = process;

/** Milliseconds of a monotonic clock, from an arbitrary start. */
export function now(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

/** The longest time that a timer of Node takes. With a longer one it would fire at once. */
export const MAX_DELAY = 2_147_483_647;
