// `npm run test:consumers`: installs, bundles, compiles and runs the packed package with the tools that people use, in
// the versions of test/consumers/package.json. `-- bundlers`: the arguments are vitest's.
import { join } from 'node:path';
import { fetchInto, giveUp, runSuite } from './fetched-suite.mjs';
import { root } from './targets.mjs';

if (process.platform !== 'linux' || process.arch !== 'x64')
  giveUp('the consumers', 'the tools that are fetched are those for Linux on x64');
// By the lockfile, so that each package is the one whose hash it names. Their own scripts would fetch more.
const failure = fetchInto(join(root, 'test/consumers'), [
  'install',
  '--no-save',
  '--ignore-scripts',
  '--no-bin-links',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--force',
]);
if (failure) giveUp('the consumers', failure);
runSuite('vitest.consumers.config.ts');
