// `npm run test:versions`: runs the suite in each newer version of Node.js, on the one prebuilt binary. `-- 26` runs
// one version; vitest gets the other arguments.
import { join } from 'node:path';
import { fetchNodes, packages } from './other-platforms.mjs';
import { runOnPrebuilt } from './prebuilt-suite.mjs';

const VERSIONS = ['22', '24', '26'];

const LEFT_OUT = {
  'cli/*': 'the commands call what other files test',
  'distance/*': 'it looks at the emulator of a network',
  'docs/*': 'the examples call what other files test',
  'package/*': 'it looks at the package and its binaries, not at Node.js',
  'robustness/bench': 'it tries the benchmarks, which are not part of the package',
  'robustness/fuzz-*': 'arbitrary input does not depend on the version',
  'robustness/resources': 'it measures memory, at length',
  'robustness/torture': 'it tries the scripts of torture/, which are not part of the package',
};

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.error(`${process.env.CI ? 'Failed' : 'Skipped'}: the fetched versions of Node.js are for Linux on x64.`);
  process.exit(process.env.CI ? 1 : 0);
}

const [first, ...rest] = process.argv.slice(2);
const chosen = VERSIONS.includes(first) ? [first] : VERSIONS;
const args = chosen === VERSIONS ? process.argv.slice(2) : rest;

fetchNodes();
const excluded = Object.keys(LEFT_OUT).map((name) => `--exclude=test/${name}.test.ts`);
for (const version of chosen) {
  console.log(`\nNode.js ${version}, on the prebuilt binary`);
  // Stop at the first failure, so that it is at the end of the log.
  if (runOnPrebuilt([...excluded, ...args], { node: join(packages, `node-${version}`, 'bin/node') }) !== 0)
    process.exit(1);
}

const leftOut = Object.entries(LEFT_OUT).map(([name, why]) => `${name} (${why})`);
console.log(`Ran in Node.js ${chosen.join(', ')}. Left out: ${leftOut.join(', ')}.`);
