// Puts the library into two files behind its entries, in place of a file a module as tsc has made them. Two files load
// faster, and a process in which nothing lingers runs as it does without them (docs/benchmarks.md, "Ordinary traffic,
// counted"). The types stay a file a module. So does the command line, which starts some of its modules as programs,
// and may import values of the library only from entries.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './targets.mjs';

const dist = join(root, 'dist');
const source = (name) => join(root, 'src', `${name}.ts`);
// The command line loads this folder without the rest, which warns where there is no addon.
const system = readdirSync(join(root, 'src/system')).map((file) => `system/${file.replace(/\.ts$/, '')}`);
// The `exports` of package.json.
const registers = ['register', 'register-clients'];
const entries = ['index', ...registers, ...system];

const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name, source(name)])),
  platform: 'node',
  transform: { target: 'es2023' },
});
const { output } = await bundle.generate({
  chunkFileNames: '[name].js',
  codeSplitting: {
    groups: [
      // As deep in dist/ as its modules lie in src/: src/system/addon.ts finds the package by a path from its own file.
      { name: 'system/system', test: (id) => system.map(source).includes(id), priority: 1 },
      { name: 'lingering-close', test: (id) => !registers.map(source).includes(id) },
    ],
  },
  // A reader of dist/ finds the names of src/ in what one file imports from another.
  minifyInternalExports: false,
});
for (const file of readdirSync(dist, { recursive: true })) {
  if (file.endsWith('.js') && !file.startsWith('cli/')) rmSync(join(dist, file));
}
for (const { fileName, code } of output) {
  const file = join(dist, fileName);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code);
}
