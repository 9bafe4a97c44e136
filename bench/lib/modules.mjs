// A package that does nothing: what loading so many modules, whosever they are, does to a process. V8 and malloc come to place things elsewhere.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** As many as any small package has. */
const COUNT = 24;
export const WITH_MODULES = `Node as it is, and ${COUNT} modules more`;

const source = (i) =>
  `const seen = new WeakMap();\nexport function use${i}(key, value = ${i}) {\n  seen.set(key, { value, list: [key] });\n  return () => seen.delete(key);\n}\n`;

/** Options of Node.js that load them. */
export function loadModules() {
  const folder = fileURLToPath(new URL('../../build/bench/modules/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  for (let i = 1; i <= COUNT; i++) writeFileSync(`${folder}${i}.mjs`, source(i));
  writeFileSync(`${folder}all.mjs`, Array.from({ length: COUNT }, (_, i) => `import './${i + 1}.mjs';\n`).join(''));
  return ['--import', pathToFileURL(`${folder}all.mjs`).href];
}
