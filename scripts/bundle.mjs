// Makes of what tsc has put into dist/ what the package ships there: the library as two files behind its entries, once
// as ES modules and once as CommonJS, and the types that those entries show, for both.
//
// Two files load faster than a file a module, and a process in which nothing lingers runs as it does without them
// (docs/benchmarks.md, "Ordinary traffic, counted"). The command line stays a file a module: it starts some of its
// modules as programs, and may import values of the library only from entries.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './targets.mjs';

const dist = join(root, 'dist');
const source = (name) => join(root, 'src', `${name}.ts`);
const list = (folder) => readdirSync(folder, { recursive: true, withFileTypes: true });
const files = (folder) =>
  list(folder)
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

/** What applications import: `exports` of package.json. */
const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entries = Object.keys(exports)
  .filter((name) => name !== './package.json')
  .map((name) => (name === '.' ? 'index' : name.slice(2)));
/** The command line loads this folder without the rest, which warns where there is no addon. */
const system = files(join(root, 'src/system')).map((file) => `system/${file.replace(/\.ts$/, '')}`);

async function bundle(names, format, extension) {
  const build = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, source(name)])),
    platform: 'node',
    transform: { target: 'es2023' },
  });
  const { output } = await build.generate({
    format,
    // As the sources are: outside of ES modules an assignment that fails would be silent.
    strict: true,
    entryFileNames: `[name]${extension}`,
    chunkFileNames: `[name]${extension}`,
    codeSplitting: {
      groups: [
        // As deep in dist/ as its modules lie in src/: load-addon.ts finds the addon by a path from its own file.
        { name: 'system/system', test: (id) => system.map(source).includes(id), priority: 1 },
        { name: 'lingering-close', test: (id) => !entries.map(source).includes(id) || id === source('index') },
      ],
    },
    // A reader of dist/ finds the names of src/ in what one file imports from another.
    minifyInternalExports: false,
  });
  return output;
}

/** A line that imports a module of Node.js: `import name from`, or `import { name, name as other } from`. */
const IMPORT = /^import (?:(\w+)|\{ (.+) \}) from ("node:(?!module")\w+");$/gm;

/**
 * For what an ES module imports, Node.js first makes a namespace with all exports of the module: that was a quarter of
 * the time of our own import, and of its memory. `builtin` gets the module as `require` does.
 */
function withoutNamespaces({ fileName, code }) {
  const hasBuiltin = /^(import \{.*\bbuiltin\b|function builtin\()/m.test(code);
  if (!hasBuiltin) return { fileName, code };
  const get = (_, name, names, id) => `const ${name ?? `{ ${names.replaceAll(' as ', ': ')} }`} = builtin(${id});`;
  return { fileName, code: code.replace(IMPORT, get) };
}

const modules = (await bundle([...entries, ...system], 'esm', '.js')).map(withoutNamespaces);
const bundles = [...modules, ...(await bundle(entries, 'cjs', '.cjs'))];

for (const file of files(dist)) if (file.endsWith('.js') && !file.startsWith('cli/')) rmSync(join(dist, file));
for (const { fileName, code } of bundles) {
  const file = join(dist, fileName);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, code);
}

/** Specifiers of relative imports, as tsc writes them into declarations: with the extension of the source. */
const RELATIVE = /(?<=\b(?:from|import) |\bimport\()(['"])(\.\.?\/[^'"]*)\.ts\1/g;

// The types of what the entries show, and of what those show; the rest is internal.
const declarations = new Map();
const waiting = entries.map((name) => join(dist, `${name}.d.ts`));
for (let file = waiting.pop(); file; file = waiting.pop()) {
  if (declarations.has(file)) continue;
  const text = readFileSync(file, 'utf8');
  declarations.set(file, text);
  for (const [, , to] of text.matchAll(RELATIVE)) waiting.push(join(dirname(file), `${to}.d.ts`));
}
for (const file of files(dist)) if (file.endsWith('.d.ts')) rmSync(join(dist, file));
for (const [file, text] of declarations) {
  writeFileSync(file, text.replaceAll(RELATIVE, '$1$2.js$1'));
  writeFileSync(file.replace(/\.ts$/, '.cts'), text.replaceAll(RELATIVE, '$1$2.cjs$1'));
}

// The folders that are empty now.
for (const entry of list(dist)
  .filter((entry) => entry.isDirectory())
  .reverse()) {
  const folder = join(entry.parentPath, entry.name);
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

// For `lingering-close build`. Not at the root of the package: yarn and pnpm would compile at every installation.
copyFileSync(join(root, 'binding.gyp'), join(dist, 'cli/binding.gyp'));
