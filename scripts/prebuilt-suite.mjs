// Runs vitest on the prebuilt binary, and not on what is in build/.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { root } from './targets.mjs';

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');

/**
 * @param node runs vitest and the tests, and also the fixtures when `env` names no other Node.js for them
 * @returns the exit code
 */
export function runOnPrebuilt(args, { node = process.execPath, env = {} } = {}) {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const options = {
    stdio: 'inherit',
    env: { ...process.env, PATH: path, LINGERING_CLOSE_PREBUILD: join(root, 'prebuilds'), ...env },
  };
  const { status, error } = spawnSync(node, [vitest, 'run', ...args], options);
  if (error) throw error;
  return status ?? 1;
}
