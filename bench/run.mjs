// Runs all benchmarks, one after the other, and writes the report. Passes on --quick, --runs N, --scale 0.1 and
// --out FOLDER.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SUBJECTS = [
  'discard',
  'marks',
  'turns',
  'uploads',
  'memory',
  'idle',
  'calls',
  'traffic',
  'instructions',
  'client-instructions',
  'import',
  'neighbours',
  'latency',
  'capacity',
  'eviction',
];
const run = (script, args) =>
  spawnSync(process.execPath, [fileURLToPath(new URL(`${script}.mjs`, import.meta.url)), ...args], { stdio: 'inherit' })
    .status;

const args = process.argv.slice(2);
for (const subject of SUBJECTS) {
  console.log(`\n== ${subject} ==`);
  if (run(subject, args) !== 0) process.exit(1);
}
if (!args.includes('--quick') && !args.includes('--out')) process.exit(run('report', []));
