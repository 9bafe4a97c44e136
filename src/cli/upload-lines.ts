// Runs a client that prints a line for each of its uploads.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { tieToProcess } from './children.ts';

/**
 * Calls `tell` exactly `count` times, whatever the program does: with each line, then with 'timeout' if the program
 * fell silent, or with 'client died' if the program ended early.
 * @param silence milliseconds without a line after which the program is killed
 */
export async function uploadLines(
  [command, ...args]: [string, ...string[]],
  count: number,
  silence: number,
  tell: (result: string) => void,
): Promise<void> {
  const child = tieToProcess(spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] }));
  let told = 0;
  let silent = false;
  const watchdog = setTimeout(() => {
    silent = true;
    child.kill('SIGKILL');
  }, silence);
  const lines = createInterface({ input: child.stdout }).on('line', (line) => {
    watchdog.refresh();
    if (told++ < count) tell(line);
  });
  await Promise.all([once(child, 'close'), once(lines, 'close')]);
  clearTimeout(watchdog);
  for (; told < count; told++) tell(silent ? 'timeout' : 'client died');
}
