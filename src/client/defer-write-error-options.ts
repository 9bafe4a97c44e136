// The options of deferWriteError: defaults, and the errors for what is not one.
import { checkObject, checkTime } from '../core/checks.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';

/** The options of {@link deferWriteError}. */
export interface DeferWriteErrorOptions {
  /**
   * Milliseconds that an error waits at most for an application that does not read what has arrived. Each read starts
   * them again; without the addon they are for the whole wait. Default 30,000; `Infinity` for no limit. An application
   * that has not begun to read has 250 at most: while it still sends its request, and on a socket of an agent, or of
   * `register-clients`, that nothing reads.
   */
  timeout?: number | undefined;
}

export interface CheckedDeferOptions {
  timeout: number;
}

/** `timeout` undefined: it stays as the application has set it, or the default. */
export interface GivenDeferOptions {
  timeout: number | undefined;
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`. Reads each property once. */
export function checkDeferOptions(options: DeferWriteErrorOptions = {}): CheckedDeferOptions {
  checkObject('options', options);
  const { timeout = 30_000 } = options;
  checkTime('options.timeout', timeout);
  const checked: CheckedDeferOptions = { timeout };
  warnOfUnknownOptions('deferWriteError()', options, checked);
  return checked;
}
