// Long work on many objects, in slices: the event loop serves its connections between two slices.

import { now, setImmediate } from './time.ts';

/** Milliseconds of work in one turn of the event loop. */
const SLICE = 5;

/** How many objects are done between two looks at the clock. */
const STEP = 16;

/**
 * Calls `run` for each item, in order. After 5 ms it goes on in the next turn of the event loop, so that thousands of
 * items do not stop the process. Small work is done before the call returns.
 *
 * @param run may be called long after the call: it has to look whether the item still is what it was
 * @param isOver asked before each slice; when it returns true, the rest is left out
 */
export async function inSlices<Item>(
  items: readonly Item[],
  run: (item: Item) => void,
  isOver: () => boolean = () => false,
): Promise<void> {
  let next = 0;
  while (next < items.length && !isOver()) {
    const end = now() + SLICE;
    do {
      const stop = Math.min(next + STEP, items.length);
      while (next < stop) run(items[next++] as Item);
    } while (next < items.length && now() < end);
    if (next < items.length) await new Promise<void>((resolve) => void setImmediate(resolve));
  }
}
