// A package that does nothing. It shows what loading that many modules does to a process, whatever they contain: V8 and
// malloc then place things differently.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { made } from '../../lab/compile.mjs';

/** As many as a small package has. */
const COUNT = 24;
export const WITH_MODULES = `Node as it is, and ${COUNT} modules more`;

let url;

/** Options of Node.js that load these modules. */
export function loadModules() {
  return ['--import', modulesUrl()];
}

/** What to import to have them all. They are written only once, because a process that starts may be reading them. */
export function modulesUrl() {
  url ??= pathToFileURL(writeModules()).href;
  return url;
}

function writeModules() {
  const folder = join(made, 'modules');
  mkdirSync(folder, { recursive: true });
  for (let i = 1; i <= COUNT; i++) writeFileSync(join(folder, `${i}.mjs`), source(i));
  const all = join(folder, 'all.mjs');
  writeFileSync(all, Array.from({ length: COUNT }, (_, i) => `import './${i + 1}.mjs';\n`).join(''));
  return all;
}

function source(i) {
  return [
    'const seen = new WeakMap();',
    `export function use${i}(key, value = ${i}) {`,
    '  seen.set(key, { value, list: [key] });',
    '  return () => seen.delete(key);',
    '}\n',
  ].join('\n');
}
