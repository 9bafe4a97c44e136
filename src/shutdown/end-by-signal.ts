import { constants } from 'node:os';

/**
 * Ends the process by a signal, so that its parent sees which one: `WTERMSIG` in wait(2), 128 + n in a shell. The
 * application's listeners are removed, or the signal would not kill.
 *
 * A signal does not kill PID 1 of a PID namespace (pid_namespaces(7)), and some signals kill no process: there the exit
 * code is that of a shell.
 */
export function endBySignal(signal: NodeJS.Signals): void {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  process.exit(128 + constants.signals[signal]);
}
