// An exception that must not stop what goes on around it.

import { nextTick } from './time.ts';

/**
 * Throws `error` behind the work of this turn, as an uncaught exception. One wake-up settles many closes: what a
 * callback of the application throws for one of them must not take away the reports of the others.
 */
export function throwLater(error: unknown): void {
  nextTick(() => {
    throw error;
  });
}
