// Puts the modules of the library, as tsc has made them, into one file behind its entries. Forty modules of its own would make every request of a process a fiftieth dearer, whether
// anything lingers or not (docs/benchmarks.md, "Ordinary traffic, counted"). The command line stays as it is: it starts some of its modules as programs.
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './targets.mjs';

const dist = join(root, 'dist');
const entries = ['index', 'register', 'native'];

const bundle = await rolldown({
  input: Object.fromEntries(entries.map((name) => [name, join(dist, `${name}.js`)])),
  platform: 'node',
});
const { output } = await bundle.generate({
  chunkFileNames: '[name].js',
  codeSplitting: { groups: [{ name: 'lingering-close', test: (id) => id !== join(dist, 'register.js') }] },
  // By their own names, for who reads a stack trace.
  minifyInternalExports: false,
});
for (const file of readdirSync(dist)) if (file.endsWith('.js')) rmSync(join(dist, file));
for (const { fileName, code } of output) writeFileSync(join(dist, fileName), code);
