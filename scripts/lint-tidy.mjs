// Runs clang-tidy on the sources of the addon with the checks of .clang-tidy, and with the language, defines and
// headers of the build.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeHeaders } from './toolchain.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const tidy = process.env.CLANG_TIDY ?? 'clang-tidy';
if (spawnSync(tidy, ['--version']).error) {
  console.error(`There is no ${tidy} on this machine. On Debian and Ubuntu: apt-get install clang-tidy.`);
  process.exit(1);
}

const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
const list = (name) =>
  [...gyp.match(new RegExp(`"${name}": \\[([^\\]]*)\\]`))[1].matchAll(/"([^"]*)"/g)].map(([, word]) => word);
const { include_dir: addonApi } = createRequire(import.meta.url)('node-addon-api');
const flags = [
  ...list('cflags_cc'),
  ...list('defines').map((define) => `-D${define}`),
  '-DNODE_GYP_MODULE_NAME=lingering_close',
  // As system headers, so that clang-tidy reports nothing in them.
  ...['-isystem', nodeHeaders(), '-isystem', resolve(addonApi)],
];

const waiting = readdirSync(join(root, 'src-native')).filter((name) => name.endsWith('.cc'));
let failed = false;

async function work() {
  for (let name = waiting.pop(); name; name = waiting.pop()) {
    const child = spawn(tidy, ['--quiet', join('src-native', name), '--', ...flags], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
    const status = await new Promise((resolve) => child.once('close', resolve));
    if (status === 0) continue;
    failed = true;
    console.error(`${name}:\n${output}`);
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work));
process.exit(failed ? 1 : 0);
