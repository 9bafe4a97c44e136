// Builds an addon that commits faults (test/support/faults.cc). With it a memory check proves that it can fail. The
// file has the name of our addon, because the checks recognise our addon in a report by this name.
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { nodeHeaders } from './toolchain.mjs';

/** @returns a script for `node -e` that commits faults, each named in Commit() of faults.cc */
export function buildFaults(root, folder, flags = []) {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'lingering_close.node');
  const source = join(root, 'test/support/faults.cc');
  const args = ['-shared', '-fPIC', '-std=c++17', '-O1', '-g', ...flags, `-I${nodeHeaders()}`, source, '-o', file];
  const { status } = spawnSync(process.env.CXX ?? 'g++', args, { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
  return (...names) => names.map((name) => `require(${JSON.stringify(file)})(${JSON.stringify(name)});`).join('');
}
