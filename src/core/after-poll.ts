// Decisions that wait until the event loop has looked at its sockets.

import { clearImmediate, clearTimeout, MAX_DELAY, setImmediate, setTimeout } from './time.ts';

/**
 * Calls `run` once, behind the next poll phase of the event loop.
 *
 * A blocked event loop runs timers before it looks at sockets. A timer that decides at once, "no byte came for so
 * long", may be wrong: the bytes are in the kernel, and the loop only had no time to read them. So every timer of this
 * package that ends something decides here. By then the loop has read from each socket that had something.
 *
 * @returns a function that cancels the call
 */
export function afterPoll(run: () => void): () => void {
  const immediate = setImmediate(run);
  return () => clearImmediate(immediate);
}

/**
 * Calls `run` once, after `ms` milliseconds and behind the poll phase that follows: see {@link afterPoll}.
 *
 * Node's timers end at {@link MAX_DELAY}, 24.8 days. After that time `run` is called, also where `ms` is more: for
 * such times it looks at the clock, and starts another timer.
 *
 * @param ref whether the timer keeps the process alive
 * @returns a function that cancels the call
 */
export function timerAfterPoll(ms: number, run: () => void, ref: boolean): () => void {
  let immediate: NodeJS.Immediate | undefined;
  const timer = setTimeout(
    () => {
      immediate = setImmediate(run);
    },
    Math.min(ms, MAX_DELAY),
  );
  if (!ref) timer.unref();
  return () => {
    clearTimeout(timer);
    clearImmediate(immediate);
  };
}
