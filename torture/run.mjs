// Runs all scripts, or the named ones, one after the other, and writes the report. Passes on --quick, --times N and
// --out FOLDER.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { scripts } from './lib/scripts.mjs';

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean' }, times: { type: 'string' }, out: { type: 'string' } },
  allowPositionals: true,
});
const args = Object.entries(values).flatMap(([name, value]) => (value === true ? [`--${name}`] : [`--${name}`, value]));
const run = (script, words) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`${script}.mjs`, import.meta.url)), ...words], {
    stdio: 'inherit',
  }).status === 0;

const failed = [];
for (const name of positionals.length > 0 ? positionals : scripts) {
  console.log(`\n== ${name} ==`);
  const reason = (await import(`./${name}.mjs`)).missing?.();
  if (reason) console.log(`skipped: ${reason}`);
  else if (!run(name, args)) failed.push(name);
}
if (!values.quick && !values.out) run('report', []);
if (failed.length > 0) console.error(`\nNot everything was survived or released: ${failed.join(', ')}`);
process.exit(failed.length > 0 ? 1 : 0);
