// What all scripts share: their arguments, and their rows as JSON.
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machine, versions } from '../../lab/machine.mjs';
import { isSound } from './tally.mjs';

/** How often a fault is provoked. */
const ORDINARY = 200;
const QUICK = 4;

/**
 * Runs a script that was started, and does nothing when it was imported. The process ends here, with everything that it
 * has started. The exit code is 1 when something was not survived or not released.
 *
 * --quick only tests that the script works: its rows are written only to a folder given with `--out`. --times N sets
 * the number of provocations.
 */
export async function main(url, run) {
  const script = fileURLToPath(url);
  if (process.argv[1] !== script) return;
  const { values } = parseArgs({
    options: { quick: { type: 'boolean' }, times: { type: 'string' }, out: { type: 'string' } },
  });
  const quick = values.quick === true;
  const times = Number(values.times ?? (quick ? QUICK : ORDINARY));
  const load = os.loadavg()[0];
  const startedAt = performance.now();
  const rows = await run({ quick, times });
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const out = values.out ?? (quick ? undefined : fileURLToPath(new URL('../results', import.meta.url)));
  if (out) {
    const subject = basename(script, '.mjs');
    mkdirSync(out, { recursive: true });
    const result = { subject, machine: machine(), versions: versions(), load, seconds, rows };
    writeFileSync(`${out}/${subject}.json`, `${JSON.stringify(result, null, 1)}\n`);
  }
  process.exit(rows.length > 0 && rows.every(isSound) ? 0 : 1);
}
