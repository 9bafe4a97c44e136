// Instructions of a process outside the kernel, counted by valgrind.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pairedRatio } from '../../lab/statistics.mjs';
import { NODE_AS_IT_IS as PLAIN } from './rivals.mjs';

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

/**
 * The table of a case, with its targets. `rows` has the counts of each way to start the process; `comparedWith` names
 * the row of empty modules with which a way of this package is compared.
 */
export function tabulateCounts(bench, { id, caption, limit, counts: [few, many] }, rows, comparedWith) {
  const against = (name, other) => pairedRatio(rows[name].instructions, rows[other].instructions).values;
  for (const name of Object.keys(rows)) if (name !== PLAIN) rows[name].ratio = against(name, PLAIN);
  for (const [name, modules] of Object.entries(comparedWith)) {
    rows[name].besides = against(name, modules);
    bench.targetRatio(
      `${caption}, ${name}: instructions a request against Node with as many modules`,
      rows[name].instructions,
      rows[modules].instructions,
      limit,
    );
  }
  const columns = {
    instructions: { label: 'instructions a request', digits: 0 },
    ratio: { label: 'against Node as it is', digits: 3 },
    besides: { label: 'against Node with as many modules', digits: 3 },
  };
  const text = (count) => count.toLocaleString('en');
  bench.table(id, `${caption}, requests ${text(few + 1)} to ${text(many)}`, columns, rows);
}
