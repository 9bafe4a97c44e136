// Runs the suite once more on the prebuilt binary alone: node-gyp-build looks past build/ when PREBUILDS_ONLY is set.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { TARGETS } from './targets.mjs';

// What they test does not depend on the binary, or is tested on it already.
const EXCLUDED = ['bench', 'cli', 'examples', 'musl', 'package', 'readme', 'reproducible'];

if (TARGETS.some(({ name, folder }) => name === `${process.platform}-${process.arch}` && existsSync(folder))) {
  const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');
  const args = [vitest, 'run', ...EXCLUDED.map((name) => `--exclude=test/${name}.test.ts`), ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit', env: { ...process.env, PREBUILDS_ONLY: '1' } });
  process.exit(status ?? 1);
}
console.log(`Skipped: there is no prebuilt binary for ${process.platform}-${process.arch} to run the suite on.`);
