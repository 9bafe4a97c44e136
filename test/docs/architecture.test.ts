// The layers of src/: a folder imports only from those below it, types included. Lint says so for each folder, and
// CONTRIBUTING.md names every file.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../support/project.ts';
import { run } from '../support/run.ts';

/** From the lowest to the highest. Folders of one layer do not import from each other. */
const LAYERS = [['core'], ['system'], ['socket'], ['engine'], ['close'], ['server', 'client'], ['shutdown'], ['entry']];
const FOLDERS = [...LAYERS.slice(0, -1).flat(), 'cli'];
const ENTRIES = ['index.ts', 'register.ts', 'register-clients.ts'];

/** Paths below src/. */
const files = filesIn('src').map((file) => posix.relative('src', file));
const imports = files.flatMap((file) => importsOf(file).map((target) => ({ file, target })));

describe('src/', () => {
  test('has only entries at its top, and only known folders', () => {
    expect(files.filter((file) => !file.includes('/') && !ENTRIES.includes(file))).toEqual([]);
    expect(files.filter((file) => file.includes('/') && !FOLDERS.includes(folderOf(file)))).toEqual([]);
  });

  test('imports only files that exist', () => {
    // Less would mean that the imports are not found.
    expect(imports.length).toBeGreaterThan(2 * files.length);
    expect(imports.filter(({ target }) => !files.includes(target))).toEqual([]);
  });

  test('has no import against the direction of the folders', () => {
    expect(imports.filter(({ file, target }) => !mayImport(folderOf(file), target))).toEqual([]);
  });

  test('has no circle of imports', () => {
    expect(circlesOf(imports)).toEqual([]);
  });

  test('the search for circles finds one', () => {
    const chain = ['a', 'b', 'c'].map((file, i, all) => ({ file, target: all[i + 1] ?? 'd' }));
    expect(circlesOf(chain)).toEqual([]);
    expect(circlesOf([...chain, { file: 'd', target: 'b' }])).toEqual([['b', 'c', 'd']]);
  });
});

describe('lint', () => {
  const targets = [...FOLDERS.map((folder) => `${folder}/a-file.ts`), ...ENTRIES];
  let copy: string;
  let findings: { rule: string; file: string }[];

  beforeAll(async () => {
    copy = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    cpSync(join(root, 'src'), join(copy, 'src'), { recursive: true });
    const config = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8'));
    // The copy is no Git repository.
    writeFileSync(join(copy, 'biome.json'), JSON.stringify({ ...config, vcs: undefined }));
    for (const folder of FOLDERS) {
      for (const target of otherThan(folder)) plant(`${folder}/${plantedFor(target)}`, `../${target}`);
    }
    plant('core/circle-there.ts', './circle-back.ts');
    plant('core/circle-back.ts', './circle-there.ts');
    findings = await lint();
  });
  afterAll(() => rmSync(copy, { recursive: true }));

  function otherThan(folder: string): string[] {
    return targets.filter((target) => folderOf(target) !== folder);
  }

  /** A file that imports a type: the rules must cover types too. */
  function plant(file: string, target: string): void {
    const path = join(copy, 'src', file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `import type { Planted } from '${target}';\n\nexport type Here = Planted;\n`);
  }

  async function lint(): Promise<typeof findings> {
    const biome = join(root, 'node_modules/@biomejs/biome/bin/biome');
    const args = [biome, 'lint', '--reporter=json', '--max-diagnostics=none', 'src'];
    const { stdout } = await run(process.execPath, args, { cwd: copy });
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: Diagnostic[] };
    return diagnostics.map(({ category, location }) => ({
      rule: category,
      file: posix.relative('src', location.path),
    }));
  }

  function found(rule: string): string[] {
    return findings.filter((finding) => finding.rule === rule).map(({ file }) => file);
  }

  test.each(FOLDERS)('%s/: each import against the direction is found, and no other', (folder) => {
    const wrong = otherThan(folder).filter((target) => !mayImport(folder, target));
    expect(wrong.length).toBeGreaterThan(0);
    expect(
      found('lint/style/noRestrictedImports')
        .filter((file) => folderOf(file) === folder)
        .toSorted(),
    ).toEqual(wrong.map((target) => `${folder}/${plantedFor(target)}`).toSorted());
  });

  test('a circle of types is found', () => {
    expect(found('lint/suspicious/noImportCycles').toSorted()).toEqual(['core/circle-back.ts', 'core/circle-there.ts']);
  });
});

test('CONTRIBUTING.md names every file of src/ and src-native/, and no other', () => {
  const text = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8');
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  const named = new Set(spans.filter((span) => /^src(-native)?\/[\w/-]+\.(ts|cc|h|map)$/.test(span)));
  expect([...named].toSorted()).toEqual([...filesIn('src'), ...filesIn('src-native')].toSorted());
  // Two branches that meet may each have brought a line.
  const [, table = ''] = text.split('### The files\n');
  const rows = [...table.matchAll(/^\| `(src[^`]+)` \|/gm)].map(([, file]) => file as string);
  expect(rows.filter((file, i) => rows.indexOf(file) !== i)).toEqual([]);
});

interface Diagnostic {
  category: string;
  location: { path: string };
}

interface Import {
  file: string;
  target: string;
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => posix.relative(root, join(entry.parentPath, entry.name)));
}

/** What a file imports, exports from elsewhere, or names as the type import('...'). */
function importsOf(file: string): string[] {
  const text = readFileSync(join(root, 'src', file), 'utf8');
  const specifiers = [...text.matchAll(/\b(?:from|import)\b\s*\(?\s*['"](\.\.?\/[^'"]+)['"]/g)];
  return specifiers.map(([, specifier = '']) => posix.join(posix.dirname(file), specifier));
}

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] as string) : 'entry';
}

function mayImport(folder: string, target: string): boolean {
  const of = folderOf(target);
  if (of === folder) return true;
  // scripts/bundle.mjs leaves only these where the command line finds them.
  if (folder === 'cli') return target === 'index.ts' || of === 'system';
  if (of === 'cli') return false;
  return layerOf(of) < layerOf(folder);
}

function layerOf(folder: string): number {
  return LAYERS.findIndex((layer) => layer.includes(folder));
}

function plantedFor(target: string): string {
  return `planted-${target.replaceAll(/[/.]/g, '-')}.ts`;
}

/** Groups of files that import each other, directly or through other files. */
function circlesOf(all: Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, target } of all) targets.set(file, [...(targets.get(file) ?? []), target]);
  const reached = new Map([...targets.keys()].map((file) => [file, reachedFrom(file)]));
  const circles = [...reached.keys()]
    .filter((file) => reached.get(file)?.has(file))
    .map((file) =>
      [...reached.keys()].filter((other) => reached.get(file)?.has(other) && reached.get(other)?.has(file)),
    );
  return [...new Map(circles.map((circle) => [circle.join(), circle])).values()];

  function reachedFrom(file: string): Set<string> {
    const found = new Set<string>();
    const open = [...(targets.get(file) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (found.has(next)) continue;
      found.add(next);
      open.push(...(targets.get(next) ?? []));
    }
    return found;
  }
}
