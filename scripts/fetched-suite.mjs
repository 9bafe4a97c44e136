// A suite apart from the others, for which npm fetches what its folder names.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './targets.mjs';

/** Fetches what `package.json` of the folder names, by its lockfile. Says why not, or nothing. */
export function fetchInto(folder, npmArgs) {
  if (isFetched(folder) || spawnSync('npm', npmArgs, { cwd: folder, stdio: 'inherit' }).status === 0) return undefined;
  return `npm could not fetch what ${join(folder, 'package.json').slice(root.length)} names`;
}

/** Runs the suite of a configuration, with the arguments of this command. Does not return. */
export function runSuite(config) {
  const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');
  const args = [vitest, 'run', '--config', config, ...process.argv.slice(2)];
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  process.exit(status ?? 1);
}

/** In CI a missing tool is a failure, not a reason to look at less. */
export function giveUp(what, why) {
  console.error(`${process.env.CI ? 'Failed' : 'Skipped'}: ${what} cannot be tried: ${why}.`);
  process.exit(process.env.CI ? 1 : 0);
}

/** npm notes what it has installed in a lockfile of its own. */
function isFetched(folder) {
  const noted = join(folder, 'node_modules/.package-lock.json');
  if (!existsSync(noted)) return false;
  const { packages } = JSON.parse(readFileSync(noted, 'utf8'));
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return Object.entries(dependencies).every(([name, version]) =>
    version.endsWith(packages[`node_modules/${name}`]?.version ?? '\0'),
  );
}
