// The manifest beside a prebuilt binary: its hash, the hashes of the files it was built from, and the tools.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root, toolsOf } from './targets.mjs';

const require = createRequire(import.meta.url);
const sha256 = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
const version = (name) => require(`${name}/package.json`).version;
const fileOf = ({ folder }) => join(folder, 'manifest.json');

/** The manifest that `npm run prebuild` would write now, without the tools of this machine. */
function currentManifest({ folder }) {
  const sources = ['binding.gyp', ...readdirSync(join(root, 'src-native')).map((name) => `src-native/${name}`)].sort();
  const binaries = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.node')) : [];
  return {
    sources: Object.fromEntries(sources.map((name) => [name, sha256(join(root, name))])),
    packages: { 'node-addon-api': version('node-addon-api'), 'node-gyp': version('node-gyp') },
    binaries: Object.fromEntries(binaries.map((name) => [name, sha256(join(folder, name))])),
  };
}

export function writeManifest(target) {
  const manifest = { ...currentManifest(target), builtWith: { node: process.version, ...toolsOf(target) } };
  writeFileSync(fileOf(target), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Undefined when there is no manifest. */
export function readManifest(target) {
  return existsSync(fileOf(target)) ? JSON.parse(readFileSync(fileOf(target), 'utf8')) : undefined;
}

/** @returns what differs from the manifest, each difference in a few words */
export function differences(target) {
  const recorded = readManifest(target);
  if (!recorded) return ['there is no manifest'];
  const current = currentManifest(target);
  const changed = (part, word) => {
    const [before, now] = [recorded[part] ?? {}, current[part]];
    const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
      (name) => before[name] !== now[name],
    );
    return names.map((name) => word(name, before[name], now[name]));
  };
  return [
    ...changed('sources', (name, before, now) => `${name} ${!before ? 'is new' : now ? 'has changed' : 'is gone'}`),
    ...changed('packages', (name, before, now) => `${name} is ${now} and was ${before}`),
    ...changed(
      'binaries',
      (name, before, now) => `${name} ${!before ? 'is not listed' : now ? 'is another file' : 'is missing'}`,
    ),
  ];
}
