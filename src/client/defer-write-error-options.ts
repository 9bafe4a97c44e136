// The options of deferWriteError: defaults, and the errors for what is not one.
import { checkLimit, checkObject } from '../core/checks.ts';

export interface DeferWriteErrorOptions {
  /**
   * Milliseconds that a write error waits at most for an application that does not read what has arrived. Each read
   * starts them again. Default 30,000; `Infinity` for no limit.
   */
  timeout?: number | undefined;
}

export interface CheckedDeferOptions {
  timeout: number;
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`. Reads each property once. */
export function checkDeferOptions(options: DeferWriteErrorOptions = {}): CheckedDeferOptions {
  checkObject('options', options);
  const { timeout = 30_000 } = options;
  checkLimit('options.timeout', timeout);
  return { timeout };
}
