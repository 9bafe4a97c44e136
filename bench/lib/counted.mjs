// Instructions of a process outside the kernel, counted by valgrind.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'instructions-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

export const canCount = () => spawnSync('valgrind', ['--version']).status === 0;

/** A command in front of node, flags of node, and a function that gives the count when the process has ended. */
export function counted(name, seed) {
  const log = join(folder, name);
  return {
    prefix: [
      'valgrind',
      '--tool=cachegrind',
      '--cache-sim=no',
      '--cachegrind-out-file=/dev/null',
      '--smc-check=all-non-file',
      `--log-file=${log}`,
    ],
    // With one thread and the same seeds, V8 does the same each time.
    execArgv: ['--single-threaded', `--hash-seed=${seed}`, `--random-seed=${seed}`],
    count() {
      const [, count] = /I\s+refs:\s+([\d,]+)/.exec(readFileSync(log, 'utf8')) ?? [];
      if (!count) throw new Error('has written no count');
      return Number(count.replaceAll(',', ''));
    },
  };
}
