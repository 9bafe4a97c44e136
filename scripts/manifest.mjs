// The manifest that lies beside a prebuilt binary: the hashes of what it was built from, and its own.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

export const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`);
export const manifestFile = join(folder, 'manifest.json');

const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const version = (name) => require(`${name}/package.json`).version;

/** What `npm run prebuild` would write for the files as they are now. */
export function currentManifest() {
  const sources = ['binding.gyp', ...readdirSync(join(root, 'src-native')).map((name) => `src-native/${name}`)].sort();
  const binaries = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.node')) : [];
  return {
    sources: Object.fromEntries(sources.map((name) => [name, sha256(join(root, name))])),
    tools: { 'node-addon-api': version('node-addon-api'), 'node-gyp': version('node-gyp') },
    binaries: Object.fromEntries(binaries.map((name) => [name, sha256(join(folder, name))])),
  };
}

/** The names of the entries in which two manifests differ. */
export function differences(one, other) {
  return ['sources', 'tools', 'binaries'].flatMap((part) => {
    const names = new Set([...Object.keys(one[part] ?? {}), ...Object.keys(other[part] ?? {})]);
    return [...names].filter((name) => one[part]?.[name] !== other[part]?.[name]);
  });
}
