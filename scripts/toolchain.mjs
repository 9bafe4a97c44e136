// How the addon is built: by node-gyp, with the headers that came with the running Node.js if there are any. Then
// nothing is downloaded.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { root, versionOf } from './targets.mjs';

export const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');

const prefix = dirname(dirname(process.execPath));
const besideNode = join(prefix, 'include/node');

/** The environment for node-gyp. These variables take precedence over an npmrc and over the command line. */
export function buildEnvironment() {
  const headers = existsSync(join(besideNode, 'node_api.h')) ? { npm_package_config_node_gyp_nodedir: prefix } : {};
  return { ...process.env, ...headers };
}

/**
 * Builds the addon from a copy of its sources, in a folder of its own.
 * @param edit is called with the folder of the copied sources, before they are compiled
 * @returns the environment with which a process loads this build instead of the package's own.
 *   Undefined when the compiler failed, which has already printed why.
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
  return status === 0 ? { LINGERING_CLOSE_PREBUILD: join(folder, 'build/Release/lingering_close.node') } : undefined;
}

/**
 * The folder with node_api.h and uv.h, for what is compiled without node-gyp: the headers beside Node.js, or else those
 * that node-gyp has fetched for a build.
 */
export function nodeHeaders() {
  const fetched = join(
    env.npm_config_devdir ?? join(homedir(), '.cache/node-gyp'),
    process.versions.node,
    'include/node',
  );
  const found = [besideNode, fetched].find((folder) => existsSync(join(folder, 'node_api.h')));
  if (found) return found;
  console.error('This machine has no headers of Node.js yet: npm run build:native fetches them.');
  process.exit(1);
}

/** Ends the process with a short message when a tool is missing. node-gyp would print fifty lines. */
export function requireTools() {
  demand([
    { name: 'a C++ compiler', commands: env.CXX ? [env.CXX] : process.platform === 'linux' ? ['g++'] : ['c++'] },
    ...BUILD_TOOLS,
  ]);
}

/** The same without the compiler. */
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
