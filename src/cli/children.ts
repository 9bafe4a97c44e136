// Child processes that do not outlive this process, however it ends.
import type { ChildProcess } from 'node:child_process';
import { constants } from 'node:os';

const running = new Set<ChildProcess>();
let watching = false;

/** Has the child killed when this process ends: by an exit, an error or a signal. */
export function tieToProcess<Child extends ChildProcess>(child: Child): Child {
  running.add(child);
  // A child that could not be started emits only 'error'.
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
      // once() has removed the listener: the signal now ends this process, and a shell sees which signal it was.
      process.kill(process.pid, signal);
      // The first process of a PID namespace is not ended by the default action of a signal.
      process.exit(128 + constants.signals[signal]);
    });
  }
}

function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
