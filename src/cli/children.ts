// Child processes that do not outlive this one, whichever way it ends.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

const running = new Set<ChildProcess>();
let watching = false;

/** From now on the child is killed when this process ends: by an exit, an error or a signal. */
export function tieToProcess<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  // A child that could not be started emits 'error' alone.
  for (const event of ['exit', 'error']) child.once(event, () => running.delete(child));
  watch();
  return child;
}

function watch(): void {
  if (watching) return;
  watching = true;
  process.on('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      // Without a listener the signal ends the process, and a shell is told which one it was.
      process.kill(process.pid, signal);
      // Still here: the first process of a PID namespace is not killed by a default action.
      process.exit(128 + constants.signals[signal]);
    });
  }
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
