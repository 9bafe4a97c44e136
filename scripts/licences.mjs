// Writes THIRD-PARTY-LICENSES, which goes into the tarball: the licence of what is compiled into the prebuilt binaries.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './targets.mjs';

// Headers only, and so a part of each binary. (Headers of Node.js and libuv only declare what the host has, and libc
// and libstdc++ are not in the binary.)
const COMPILED_IN = [{ name: 'node-addon-api', file: 'LICENSE.md' }];

const sections = COMPILED_IN.map(({ name, file }) => {
  const folder = join(root, 'node_modules', name);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name} ${version}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
});
const head =
  'The files in prebuilds/ contain code of the following packages, under the licence that stands below each.\n';
writeFileSync(join(root, 'THIRD-PARTY-LICENSES'), [head, ...sections].join('\n'));
