// The options of closeOnSignal: defaults, and the errors for what is not one.

import { constants } from 'node:os';
import { checkTime } from '../core/checks.ts';
import { invalidArgType, invalidArgValue } from '../core/errors.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';
import { checkHook } from './close-server-options.ts';
import type { CheckedCloseServersOptions, CloseServersOptions } from './close-servers-options.ts';
import { checkCloseServersValues } from './close-servers-options.ts';
import type { ServersCloseReport } from './servers-close-report.ts';

/**
 * What has told the process to end: a signal, the message `shutdown` (of PM2, or of a cluster primary), or the end of
 * the cluster primary (`disconnect`).
 */
export type ShutdownReason = NodeJS.Signals | 'shutdown' | 'disconnect';

const SIGNALS: NodeJS.Signals[] = ['SIGTERM', 'SIGINT'];

/** The options of {@link closeOnSignal}: those of {@link closeServers}, and these. */
export interface CloseOnSignalOptions extends CloseServersOptions {
  /** The signals that begin the shutdown, by name. Default SIGTERM and SIGINT. SIGKILL and SIGSTOP are refused. */
  signals?: Iterable<NodeJS.Signals> | undefined;
  /**
   * Milliseconds for everything: `before`, the servers, `after`. Default 25,000, below the 30 seconds that Kubernetes
   * gives by default. Times of the servers that do not fit are made shorter. What is still open then is ended by
   * `process.exit()`, or with `exit: false` reset. `Infinity` for no limit.
   */
  deadline?: number | undefined;
  /**
   * Called first, and waited for: the place to tell a registry. The servers go on listening meanwhile. It has what the
   * times of the servers, and the fifth for `after`, leave of `deadline`. Where they leave less than half of `deadline`
   * (with `after`: three tenths), it has that, and the times of the servers are made shorter. When it throws, rejects
   * or takes longer, there is a process warning (`LINGERING_CLOSE_CALLBACK`), the exit code is 1, and the shutdown goes
   * on. Default none.
   */
  before?: ((reason: ShutdownReason) => unknown) | undefined;
  /**
   * Called with the report when the servers are closed, and waited for until `deadline`: the place to close databases
   * and queues. A fifth of `deadline` is kept for it. When it fails: as with `before`. Default none.
   */
  after?: ((report: ServersCloseReport) => unknown) | undefined;
  /**
   * Whether the process ends. Default true: `process.exitCode` is left alone when all went well, so it is 0 unless the
   * application sets it. It is 1 when something was cut, `before` or `after` failed, a cluster worker ended with
   * another code than 0, or `deadline` came before the shutdown was over. The process then ends by itself when nothing
   * is open any more, and by `process.exit()` at `deadline` when something is. With false it goes on.
   */
  exit?: boolean | undefined;
  /**
   * Gets the report, when the servers are closed. What it throws, or rejects with, becomes a process warning
   * (`LINGERING_CLOSE_CALLBACK`); a promise is not waited for.
   */
  onReport?: ((report: ServersCloseReport) => unknown) | undefined;
}

export interface CheckedCloseOnSignalOptions {
  closing: CheckedCloseServersOptions;
  signals: NodeJS.Signals[];
  deadline: number;
  before: CloseOnSignalOptions['before'];
  after: CloseOnSignalOptions['after'];
  exit: boolean;
  onReport: CloseOnSignalOptions['onReport'];
}

/** Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`. */
export function checkCloseOnSignalOptions(options: CloseOnSignalOptions = {}): CheckedCloseOnSignalOptions {
  const closing = checkCloseServersValues(options);
  const { signals = SIGNALS, deadline = 25_000, exit = true } = options;
  const { before, after, onReport } = options;
  checkTime('options.deadline', deadline);
  checkHook('options.before', before);
  checkHook('options.after', after);
  checkHook('options.onReport', onReport);
  if (typeof exit !== 'boolean') throw invalidArgType('options.exit', 'of type boolean', exit);
  const own = { signals: checkSignals(signals), deadline, before, after, exit, onReport };
  warnOfUnknownOptions('closeOnSignal()', options, { ...closing, ...own });
  return { closing, ...own };
}

function checkSignals(value: unknown): NodeJS.Signals[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value))
    throw invalidArgType('options.signals', 'an iterable of names of signals', value);
  const signals = [...new Set(value as Iterable<unknown>)];
  for (const signal of signals) {
    const isKnown = typeof signal === 'string' && Object.hasOwn(constants.signals, signal);
    // The system lets no process listen to these two.
    if (!isKnown || signal === 'SIGKILL' || signal === 'SIGSTOP')
      throw invalidArgValue('options.signals', 'names of signals that a process can listen to', signal);
  }
  return signals as NodeJS.Signals[];
}
