// Signals that a process sends to itself. A framework that listens to signals too (Nest, Apollo, @godaddy/terminus)
// closes what it has, and then sends the same signal to its own process, so that this ends. That is no second signal
// of an operator: it says that the framework is done.

import { constants } from 'node:os';

type OnOwnSignal = (signal: NodeJS.Signals) => boolean;

const listeners = new Set<OnOwnSignal>();
/** What is in the place of `process.kill`, and what was there before. */
let replaced: { kill: typeof process.kill; before: typeof process.kill } | undefined;

/**
 * From here on `onSignal` gets the signals that this process sends to itself by `process.kill()`. Those for which a
 * listener returns true are not sent.
 * @returns a function that gives `process.kill` back
 */
export function onOwnSignal(onSignal: OnOwnSignal): () => void {
  listeners.add(onSignal);
  if (!replaced || process.kill !== replaced.kill) replaceKill(process.kill);
  return () => {
    listeners.delete(onSignal);
    if (listeners.size === 0 && process.kill === replaced?.kill) process.kill = replaced.before;
  };
}

/** A function of its own each time: the application may have put one around the last, and that one calls it. */
function replaceKill(before: typeof process.kill): void {
  const kill = (...args: Parameters<typeof process.kill>): true => {
    const [pid, signal] = args;
    // Node takes a number for a signal, a text for a process id, and nothing for SIGTERM.
    const name = typeof signal === 'number' ? nameOf(signal) : signal || 'SIGTERM';
    if (Number(pid) === process.pid && name !== undefined) {
      const answers = [...listeners].map((onSignal) => onSignal(name as NodeJS.Signals));
      if (answers.includes(true)) return true;
    }
    return Reflect.apply(before, process, args);
  };
  replaced = { kill, before };
  process.kill = kill;
}

function nameOf(number: number): string | undefined {
  return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
}
