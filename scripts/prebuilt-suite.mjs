// vitest on the prebuilt binary alone: node-gyp-build looks past build/ when PREBUILDS_ONLY is set.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';

const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs');

/** Its exit code. `node`: in which the runner runs, and with it the tests and, if `env` names no other, their fixtures. */
export function runOnPrebuilt(args, { node = process.execPath, env = {} } = {}) {
  const path = [dirname(node), process.env.PATH].join(delimiter);
  const options = { stdio: 'inherit', env: { ...process.env, PATH: path, PREBUILDS_ONLY: '1', ...env } };
  const { status, error } = spawnSync(node, [vitest, 'run', ...args], options);
  if (error) throw error;
  return status ?? 1;
}
