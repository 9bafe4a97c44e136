// `npm run test:frameworks`: shuts applications down that are made with the frameworks of test/frameworks/package.json.
// `-- -t grpc`: the arguments are vitest's.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchInto, giveUp, runSuite } from './fetched-suite.mjs';
import { root } from './targets.mjs';

const folder = join(root, 'test/frameworks');
const failure = fetchInto(folder, ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']);
if (failure) giveUp('the frameworks', failure);

// Next serves what it has built.
const next = join(folder, 'next');
if (!existsSync(join(next, '.next/BUILD_ID'))) {
  const { status } = spawnSync(process.execPath, [join(folder, 'node_modules/next/dist/bin/next'), 'build'], {
    cwd: next,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1' },
  });
  if (status !== 0) giveUp('the frameworks', 'next could not build test/frameworks/next');
}
runSuite('vitest.frameworks.config.ts');
