// A package that does nothing: what loading so many modules, whosever they are, does to a process. V8 and malloc come to place things elsewhere.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { made } from '../../lab/compile.mjs';

/** As many as any small package has. */
const COUNT = 24;
export const WITH_MODULES = `Node as it is, and ${COUNT} modules more`;

let options;

/** Options of Node.js that load them. */
export function loadModules() {
  options ??= ['--import', pathToFileURL(writeModules()).href];
  return options;
}

/** Once: a process that is starting may be reading them. */
function writeModules() {
  const folder = join(made, 'modules');
  mkdirSync(folder, { recursive: true });
  for (let i = 1; i <= COUNT; i++) writeFileSync(join(folder, `${i}.mjs`), source(i));
  const all = join(folder, 'all.mjs');
  writeFileSync(all, Array.from({ length: COUNT }, (_, i) => `import './${i + 1}.mjs';\n`).join(''));
  return all;
}

function source(i) {
  return `const seen = new WeakMap();\nexport function use${i}(key, value = ${i}) {\n  seen.set(key, { value, list: [key] });\n  return () => seen.delete(key);\n}\n`;
}
