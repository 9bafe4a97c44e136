// Puts the library into two files behind its entries, in place of a file a module as tsc has made them: they load faster, and a process in which nothing lingers runs as it does without them
// (docs/benchmarks.md, "Ordinary traffic, counted"). Types stay a file a module, and so does the command line, which starts some of its modules as programs, and may import values of the library from
// entries only.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './targets.mjs';

const dist = join(root, 'dist');
// What the command line takes without the rest, which warns where there is no addon.
const system = ['native', 'sigpipe', 'counters'];
// The first two are the `exports` of package.json.
const entries = ['index', 'register', ...system];
const source = (name) => join(root, 'src', `${name}.ts`);

const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name, source(name)])),
  platform: 'node',
  transform: { target: 'es2023' },
});
const { output } = await bundle.generate({
  chunkFileNames: '[name].js',
  codeSplitting: {
    groups: [
      { name: 'system', test: (id) => system.map(source).includes(id), priority: 1 },
      { name: 'lingering-close', test: (id) => id !== source('register') },
    ],
  },
  // What one file takes from another it takes by the names that are in src, for whoever reads them.
  minifyInternalExports: false,
});
for (const file of readdirSync(dist)) if (file.endsWith('.js')) rmSync(join(dist, file));
for (const { fileName, code } of output) writeFileSync(join(dist, fileName), code);
