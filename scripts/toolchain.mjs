// How the addon is built: with node-gyp, and with the headers that came with the running Node.js where it has them, so that nothing is downloaded.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, versionOf } from './targets.mjs';

export const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');

const prefix = dirname(dirname(process.execPath));
const besideNode = join(prefix, 'include/node');

/** The environment for node-gyp. Variables of this kind outrank an npmrc and the command line. */
export function buildEnvironment() {
  const headers = existsSync(join(besideNode, 'node_api.h')) ? { npm_package_config_node_gyp_nodedir: prefix } : {};
  return { ...process.env, ...headers };
}

/**
 * Builds the addon otherwise than build-native.mjs does: in a folder of its own, with the sources copied there.
 * @param edit is given the folder of the copied sources, before they are compiled
 * @returns the environment by which a process loads it: node-gyp-build looks there in place of the package's own folder. Nothing if the compiler fails, which has said why
 */
export function buildCopy(folder, { env: variables = {}, edit = () => {} } = {}) {
  requireTools();
  rmSync(folder, { recursive: true, force: true });
  for (const name of ['binding.gyp', 'package.json', 'src-native'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  edit(join(folder, 'src-native'));
  const args = [nodeGyp, 'rebuild', '--loglevel=warn', '--jobs=max', `--directory=${folder}`];
  const { status } = spawnSync(process.execPath, args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...buildEnvironment(), ...variables },
  });
  return status === 0 ? { LINGERING_CLOSE_PREBUILD: folder } : undefined;
}

/** The folder with node_api.h and uv.h, for what is compiled without node-gyp. Where Node.js came without, they are those that node-gyp has fetched for a build. */
export function nodeHeaders() {
  const fetched = join(
    env.npm_config_devdir ?? join(homedir(), '.cache/node-gyp'),
    process.versions.node,
    'include/node',
  );
  const found = [besideNode, fetched].find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found) return found;
  console.error('There are no headers of Node.js on this machine yet: npm run build:native fetches them.');
  process.exit(1);
}

/** Ends the process with a plain word where a tool is missing: node-gyp would say it in fifty lines. */
export function requireTools() {
  demand([
    { name: 'a C++ compiler', commands: env.CXX ? [env.CXX] : process.platform === 'linux' ? ['g++'] : ['c++'] },
    ...BUILD_TOOLS,
  ]);
}

/** The same but for the compiler. */
export function requireBuildTools() {
  demand(BUILD_TOOLS);
}

const { env } = process;
const BUILD_TOOLS = [
  { name: 'make', commands: [env.MAKE ?? 'make'] },
  { name: 'Python 3', commands: [env.NODE_GYP_FORCE_PYTHON ?? env.PYTHON ?? 'python3', 'python'] },
];

function demand(tools) {
  const missing = tools
    .filter(({ commands }) => commands.every((command) => versionOf(command) === undefined))
    .map(({ name }) => name);
  if (missing.length === 0) return;
  console.error(
    `The addon cannot be built, because this machine lacks: ${missing.join(', ')}.\n` +
      'On Debian and Ubuntu: apt-get install g++ make python3. On macOS: xcode-select --install.\n' +
      'Only building and testing need them: the demo and the installed package use the binary in prebuilds/.',
  );
  process.exit(1);
}
