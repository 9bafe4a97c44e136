// `lingering-close build`: compiles the addon where the package is installed. Not left to `node-gyp rebuild` in that
// folder: with a binding.gyp at its root, yarn and pnpm would compile at every installation.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const built = 'build/Release/lingering_close.node';

class BuildError extends Error {}

/** @returns the exit code */
export function build(): number {
  let folder: string | undefined;
  try {
    folder = mkdtempSync(join(tmpdir(), 'lingering-close-build-'));
    if (process.platform !== 'linux' && process.platform !== 'darwin') {
      throw new BuildError(`there is no addon for ${process.platform}`);
    }
    compile(folder);
    install(join(folder, built), join(root, built));
    process.stdout.write(`Built ${join(root, built)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`lingering-close: the addon is not built: ${(error as Error).message}.\n`);
    return 1;
  } finally {
    if (folder) rmSync(folder, { recursive: true, force: true });
  }
}

/** In a folder of its own, so that nothing is left where the package is installed but the addon. */
function compile(folder: string): void {
  cpSync(join(root, 'src-native'), join(folder, 'src-native'), { recursive: true });
  cpSync(fileURLToPath(new URL('./binding.gyp', import.meta.url)), join(folder, 'binding.gyp'));
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  const { nodeGyp, modules } = findTools(process.cwd()) ?? fetchTools(folder);
  const nodeDir = dirname(dirname(process.execPath));
  // The headers of this Node.js where it came with them: then node-gyp fetches none.
  const headers = existsSync(join(nodeDir, 'include/node/node_api.h')) ? [`--nodedir=${nodeDir}`] : [];
  const args = [nodeGyp, 'rebuild', '--loglevel=warn', '--jobs=max', `--directory=${folder}`, ...headers];
  const env = { ...process.env, NODE_PATH: modules };
  if (!succeeds(process.execPath, args, { env })) {
    throw new BuildError(
      'node-gyp has failed, and said why above. It needs Python 3, make and a C++17 compiler ' +
        '(Debian and Ubuntu: apt-get install g++ make python3; macOS: xcode-select --install)',
    );
  }
}

interface Tools {
  nodeGyp: string;
  /** The folder from which binding.gyp can require node-addon-api. */
  modules: string;
}

function findTools(from: string): Tools | undefined {
  const { resolve } = createRequire(join(from, 'package.json'));
  try {
    const nodeGyp = resolve('node-gyp/bin/node-gyp.js');
    return { nodeGyp, modules: dirname(dirname(resolve('node-addon-api/package.json'))) };
  } catch {
    return undefined;
  }
}

/** In the versions with which the binaries of the package were built. */
function fetchTools(folder: string): Tools {
  const manifest = readFileSync(join(root, 'prebuilds/linux-x64/manifest.json'), 'utf8');
  const packages = Object.entries((JSON.parse(manifest) as { packages: Record<string, string> }).packages);
  const names = packages.map(([name, version]) => `${name}@${version}`);
  const args = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const tools = succeeds('npm', [...args, ...names]) ? findTools(folder) : undefined;
  if (tools) return tools;
  throw new BuildError(`npm could not fetch ${names.join(' and ')}. Install both in your application, and try again`);
}

/** Takes the place of an older one at once, in which a process may be running. */
function install(from: string, to: string): void {
  // A file that is no addon, or not for this Node.js, is not installed.
  const script = `if (require(${JSON.stringify(from)}).lingeringClose === undefined) process.exit(1)`;
  if (!succeeds(process.execPath, ['--eval', script])) throw new BuildError('what was built cannot be loaded');
  mkdirSync(dirname(to), { recursive: true });
  const beside = `${to}.${process.pid}`;
  cpSync(from, beside);
  renameSync(beside, to);
}

function succeeds(command: string, args: string[], options: { env?: NodeJS.ProcessEnv } = {}): boolean {
  // What they say is about the build, and no result of the command.
  const { status } = spawnSync(command, args, { stdio: ['ignore', process.stderr, process.stderr], ...options });
  return status === 0;
}
