// closeOnSignal: what every service does when it is told to end.

import { isMainThread } from '../core/builtin.ts';
import type { DisposableLike } from '../core/disposable.ts';
import { codedError } from '../core/errors.ts';
import type { CloseOnSignalOptions } from './close-on-signal-options.ts';
import { checkCloseOnSignalOptions } from './close-on-signal-options.ts';
import { SignalShutdown } from './signal-shutdown.ts';

/**
 * What {@link closeOnSignal} arranged. `[Symbol.dispose]()` ends the listening to signals; a shutdown that has begun
 * goes on.
 */
export interface ClosingOnSignal extends DisposableLike {
  /**
   * Aborts when the shutdown begins, before `before` is called. A readiness probe answers 503 while `closing.aborted`;
   * whatever polls or takes from a queue stops.
   */
  readonly closing: AbortSignal;
}

/**
 * Shuts the process down when it gets SIGTERM or SIGINT, so that no client is cut off:
 *
 * 1. `closing` aborts, and `before` is called.
 * 2. All servers of the process are closed: see {@link closeServers}. `onReport` gets the report.
 * 3. `after` is called.
 * 4. The process ends by itself, with exit code 0 when nothing was cut and no hook failed, else 1; what is still open
 *    at `deadline` is ended by `process.exit()`.
 *
 * A server that begins to listen after the signal is closed too, unless `servers` names others, or `exit` is false.
 *
 * A second signal ends it at once: everything is reset, and the process ends by that signal. One that the process sends
 * to itself by `process.kill()` is none: a framework that listens to signals too says with it that it is done. The
 * process then ends behind the shutdown, by `process.exit()`, or with `exit: false` by that signal.
 *
 * The message `shutdown` of a parent process has the same effect: PM2 sends it, and so does closeOnSignal of a cluster
 * primary. It does not keep the process alive, and it does not count as one of the two signals.
 *
 * - **cluster**: call it in the primary and in the workers. The primary tells its workers, waits for their end, and
 *   then ends itself, with 1 when one of them has. A signal for the whole process group (Ctrl-C, systemd) is
 *   understood. A worker also shuts down when its primary has died, where Node would end it at once.
 * - **PID 1** of a container gets the signals too. The kernel lets no signal kill it, so that a second signal ends it
 *   by `process.exit(128 + n)`.
 * - Uncaught exceptions are left to Node.
 *
 * @param options those of {@link closeServers}, `signals`, `before`, `after`, `deadline`, `exit` and `onReport`; times
 * are milliseconds. Process warnings: as with {@link closeServers}
 * @returns `closing`, and `[Symbol.dispose]()`: see {@link ClosingOnSignal}
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`;
 * `ERR_WORKER_UNSUPPORTED_OPERATION` in a Worker, which gets no signals: the main thread calls it, and tells its
 * Workers
 *
 * Platforms: as {@link closeServers}. On Windows there is SIGINT (Ctrl-C) and SIGBREAK; nothing can send SIGTERM there.
 * Source: signal(7), credentials(7); the Kubernetes documentation on the termination of pods.
 */
export function closeOnSignal(options?: CloseOnSignalOptions): ClosingOnSignal {
  const checked = checkCloseOnSignalOptions(options);
  if (!isMainThread()) {
    throw codedError(
      TypeError,
      'ERR_WORKER_UNSUPPORTED_OPERATION',
      'closeOnSignal() is not supported in workers: they get no signals',
    );
  }
  const shutdown = new SignalShutdown(checked);
  const stop = () => shutdown.stop();
  return { closing: shutdown.closing, [Symbol.dispose]: stop };
}
