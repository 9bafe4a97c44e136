// `npm run test:prebuilt`: runs the tests that depend most on the addon on the prebuilt binary. In other versions of
// Node.js the whole suite runs on it (scripts/test-versions.mjs).
import { existsSync } from 'node:fs';
import { runOnPrebuilt } from './prebuilt-suite.mjs';
import { TARGETS } from './targets.mjs';

const FILES = [
  'close/safe-close',
  'package/prebuild',
  'robustness/lifecycle',
  'socket/calls',
  'socket/linger-loop',
  'socket/native',
];

if (TARGETS.some(({ name, folder }) => name === `${process.platform}-${process.arch}` && existsSync(folder))) {
  process.exit(runOnPrebuilt([...FILES.map((name) => `test/${name}.test.ts`), ...process.argv.slice(2)]));
}
console.log(`Skipped: there is no prebuilt binary for ${process.platform}-${process.arch} to run the tests on.`);
