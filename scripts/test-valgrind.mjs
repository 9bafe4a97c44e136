// Runs test/fixtures/socket/native-tour.mjs, which calls every function of the addon, under valgrind's memcheck. An
// error or leak is the addon's when the file of the addon is in its stack. This rule separates it from what Node.js and
// V8 do, without a list of suppressions.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildFaults } from './faults.mjs';
import { requireTools } from './toolchain.mjs';

requireTools();
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'build/valgrind');
const xml = join(folder, 'report.xml');
if (spawnSync('valgrind', ['--version']).error) {
  console.error('There is no valgrind on this machine. On Debian and Ubuntu: apt-get install valgrind.');
  process.exit(1);
}
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const memcheck = [
  'valgrind',
  ...['--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite', '--num-callers=40'],
  // Threads take turns: otherwise the others starve a Worker. Frames of a library that was unloaded keep their names.
  ...['--fair-sched=yes', '--keep-debuginfo=yes', '--xml=yes', `--xml-file=${xml}`],
];

/**
 * @returns the errors with a frame of the addon, and the number of all errors. Ends the run when the program failed.
 */
function judge(command) {
  const { status, signal } = spawnSync(command[0], command.slice(1), {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 600_000,
  });
  if (status !== 0) {
    console.error(`Under valgrind the program ended with ${signal ?? `exit code ${status}`}.`);
    process.exit(1);
  }
  const report = readFileSync(xml, 'utf8');
  if (!report.includes('</valgrindoutput>')) throw new Error('the report of valgrind is incomplete');
  const errors = report.match(/<error>[\s\S]*?<\/error>/g) ?? [];
  return { all: errors.length, ours: errors.filter((error) => /<obj>[^<]*\/lingering_close\.node<\/obj>/.test(error)) };
}

const kindOf = (error) => error.match(/<kind>([^<]*)/)[1];

// valgrind must find these in a library with the addon's name. Otherwise the check proves nothing when it finds none.
const EXPECTED = {
  overflow: 'InvalidWrite',
  'use after free': 'InvalidRead',
  uninitialised: 'UninitCondition',
  leak: 'Leak_DefinitelyLost',
};
const faults = buildFaults(root, join(folder, 'faults'));
const found = judge([...memcheck, process.execPath, '-e', faults(...Object.keys(EXPECTED))]).ours.map(kindOf);
for (const kind of Object.values(EXPECTED)) {
  if (found.includes(kind)) continue;
  console.error(`The check itself fails: ${kind} should be found, and is not in [${found}].`);
  process.exit(1);
}
console.log(`Self-test: ${Object.values(EXPECTED).join(', ')} were found.`);

const startedAt = performance.now();
const { all, ours } = judge([
  'python3',
  'test/support/descriptors.py',
  '20',
  ...memcheck,
  process.execPath,
  'test/fixtures/socket/native-tour.mjs',
]);
for (const error of ours) console.error(error);
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
console.log(
  `memcheck: ${ours.length} errors or leaks of the addon (and ${all - ours.length} of others), in ${seconds} s.`,
);
process.exit(ours.length > 0 ? 1 : 0);
