// Builds the addon with AddressSanitizer and UBSan in a folder of its own, and runs the tests that reach the addon. A
// report from any process fails the run. Leaks are left to valgrind (scripts/test-valgrind.mjs): Node.js frees little
// at its end, and LeakSanitizer would need a long list of suppressions.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { buildFaults } from './faults.mjs';
import { root } from './targets.mjs';
import { buildCopy } from './toolchain.mjs';

const folder = join(root, 'build/sanitized');
const logs = join(folder, 'logs');
// UBSan traps, and AddressSanitizer reports the trap. The runtime of GCC's UBSan writes no file when it is loaded this
// late.
const flags = [
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=all',
  '-fsanitize-undefined-trap-on-error',
  '-fno-omit-frame-pointer',
];

const loadingIt = buildCopy(folder, { env: { CXXFLAGS: [...flags, '-g'].join(' '), LDFLAGS: flags[0] } });
if (!loadingIt) process.exit(1);
mkdirSync(logs);
const faults = buildFaults(root, join(folder, 'faults'), flags);

// Node.js is not linked with the runtime, and the runtime must be loaded before everything else.
const runtime = spawnSync(process.env.CXX ?? 'g++', ['-print-file-name=libasan.so'], {
  encoding: 'utf8',
}).stdout.trim();
const sanitized = {
  ...process.env,
  LD_PRELOAD: realpathSync(runtime),
  ASAN_OPTIONS: [
    `log_path=${join(logs, 'report')}`,
    'detect_leaks=0',
    'detect_stack_use_after_return=1',
    'handle_sigill=1',
    'quarantine_size_mb=16',
  ].join(':'),
  ...loadingIt,
};
// In older runtimes the shadow memory has a fixed address. A kernel with much randomness may have used that address.
const unshuffled =
  spawnSync('setarch', ['--addr-no-randomize', 'true']).status === 0 ? ['setarch', '--addr-no-randomize'] : [];

function run(command, { env = {}, stdio = 'inherit' } = {}) {
  const [file, ...args] = [...unshuffled, ...command];
  return spawnSync(file, args, { cwd: root, stdio, env: { ...sanitized, ...env } }).status;
}

/** What the sanitizers of all processes have written since the last call. */
function takeReports() {
  const files = readdirSync(logs).map((name) => join(logs, name));
  const reports = files.map((file) => readFileSync(file, 'utf8'));
  for (const file of files) rmSync(file);
  return reports;
}

// The check must find a fault in a child process. Otherwise it proves nothing when it finds none.
const EXPECTED = { 'use after free': 'heap-use-after-free', undefined: 'AddressSanitizer: ILL' };
for (const [fault, words] of Object.entries(EXPECTED)) {
  const inChild = `require('child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(faults(fault))}])`;
  run([process.execPath, '-e', inChild], { stdio: 'ignore' });
  const reports = takeReports();
  if (reports.length === 1 && reports[0].includes(words)) continue;
  console.error(`The check itself fails: it should find "${words}", and found ${JSON.stringify(reports)}.`);
  process.exit(1);
}
console.log(`Self-test: found in a child process: ${Object.keys(EXPECTED).join(', ')}.`);

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');
const startedAt = performance.now();
const steps = [
  ['python3', 'test/support/descriptors.py', '40', process.execPath, 'test/fixtures/socket/native-tour.mjs'],
  // Without the tests of an absent addon and of the streams engine.
  [
    process.execPath,
    vitest,
    'run',
    'test/socket/native',
    'test/socket/linger-loop',
    'test/socket/raw-calls',
    'test/robustness/fuzz-arguments',
    '-t',
    '^(?!where the addon is not|streams engine)',
  ],
  ...process.argv.slice(2).map((file) => [process.execPath, vitest, 'run', file]),
];
// Fewer runs of long tests, because the sanitizers make a process several times slower.
const shorter = { RAW_CALLS: process.env.RAW_CALLS ?? '1000', FUZZ_RUNS: process.env.FUZZ_RUNS ?? '100' };
const failed = steps.filter((step) => run(step, { env: shorter }) !== 0);
const reports = takeReports();
for (const report of reports) console.error(report);
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0);
console.log(
  `AddressSanitizer and UBSan: ${reports.length} reports in ${seconds} s; ` +
    `${failed.length} of ${steps.length} steps failed.`,
);
process.exit(reports.length > 0 || failed.length > 0 ? 1 : 0);
