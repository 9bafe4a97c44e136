// `npm run test:consumers`: installs, bundles, compiles and runs the packed package with the tools that people use, in
// the versions of test/consumers/package.json. `-- bundlers`: the arguments are vitest's.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './targets.mjs';

const folder = join(root, 'test/consumers');

if (process.platform !== 'linux' || process.arch !== 'x64')
  giveUp('the tools that are fetched are those for Linux on x64');
// By the lockfile, so that each package is the one whose hash it names. Their own scripts would fetch more.
const npmArgs = [
  'install',
  '--no-save',
  '--ignore-scripts',
  '--no-bin-links',
  '--no-audit',
  '--no-fund',
  '--loglevel=error',
  '--force',
];
if (!isFetched() && spawnSync('npm', npmArgs, { cwd: folder, stdio: 'inherit' }).status !== 0) {
  giveUp('npm could not fetch the tools of test/consumers/package.json');
}

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');
const args = [vitest, 'run', '--config', 'vitest.consumers.config.ts', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);

/** npm notes what it has installed in a lockfile of its own. */
function isFetched() {
  const noted = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(noted)) return false;
  const { packages } = JSON.parse(readFileSync(noted, 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(dependencies).every(([name, version]) =>
    version.endsWith(packages[`node_modules/${name}`]?.version ?? '\0'),
  );
}

/** In CI a missing tool is a failure, not a reason to look at less. */
function giveUp(why) {
  console.error(`${process.env.CI ? 'Failed' : 'Skipped'}: the consumers cannot be tried: ${why}.`);
  process.exit(process.env.CI ? 1 : 0);
}
