// The documents are whole: links lead somewhere, also in the package, and named files and scripts exist. The README is
// short.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { root } from '../support/project.ts';
import { runOk } from '../support/run.ts';

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`),
].filter((name) => name.endsWith('.md'));

/** What `npm pack` puts into the package. */
let packed: string[];
beforeAll(async () => {
  const output = await runOk('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: root });
  const [tarball] = Object.values(JSON.parse(output)) as [{ files: { path: string }[] }];
  packed = tarball.files.map(({ path }) => path);
}, 60_000);

interface Run {
  requests: number;
  lost: number;
}

interface ShutdownResults {
  runs: number;
  /** In each run. */
  restarts: number;
  readers: number;
  /** By the package. */
  results: Record<string, Record<'readers' | 'http' | 'https' | 'http2', Run[]>>;
}

/** What the README says of a package. */
function comparedBy(result: ShutdownResults['results'][string] | undefined) {
  const total = (runs: Run[] = [], of: (run: Run) => number) => runs.reduce((sum, run) => sum + of(run), 0);
  const lost = [result?.http, result?.https, result?.http2].map((runs) => total(runs, (run) => run.lost));
  return { lost, whole: total(result?.readers, (run) => run.requests - run.lost) };
}

describe('README.md', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');

  test('has at most 1,500 words, code and tables included', () => {
    expect(readme.split(/\s+/).filter(Boolean).length).toBeLessThanOrEqual(1_500);
  });

  test.each(['npm ci && npm run demo', 'npm ci && npm test'])('names the command of a clone: %s', (command) => {
    expect(readme).toMatch(new RegExp(`^${command}$`, 'm'));
    expect(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')).toMatch(new RegExp(`^${command}$`, 'm'));
  });

  test('compares what was measured', () => {
    const { results, runs, restarts, readers } = JSON.parse(
      readFileSync(join(root, 'bench/results/shutdown.json'), 'utf8'),
    ) as ShutdownResults;
    expect(readme).toContain(`Requests lost in ${runs * restarts} restarts`);
    expect(readme).toContain(`of ${runs * readers} slow clients`);
    const rows = [...readme.matchAll(/^\| ([\w@/-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|/gm)].map(
      ([, name = '', ...figures]) => ({
        name,
        lost: figures.slice(0, 3).map(Number),
        whole: Number(figures[3]),
      }),
    );
    expect(rows.length).toBeGreaterThan(2);
    expect(rows).toEqual(rows.map(({ name }) => ({ name, ...comparedBy(results[name.replace(/^@\w+\//, '')]) })));
  });

  test('links to the index of the documents, which links to each of them', () => {
    expect(linksOf(readme)).toContain('docs/README.md');
    const named = linksOf(readFileSync(join(root, 'docs/README.md'), 'utf8')).map((link) => link.split('#')[0]);
    const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && name !== 'README.md');
    expect(pages.filter((name) => !named.includes(name))).toEqual([]);
  });
});

describe.each(documents)('%s', (document) => {
  const text = readFileSync(join(root, document), 'utf8');

  test('links to files and headings that exist', () => {
    expect(linksOf(text).filter((target) => !isThere(document, target))).toEqual([]);
  });

  // Pictures of measurements are left out of the package on purpose.
  test('links to nothing that the package lacks, where it is in the package itself', () => {
    if (!packed.includes(document)) return;
    const targets = linksOf(withoutImages(text)).map((link) => link.split('#')[0] as string);
    const paths = targets.filter(Boolean).map((path) => posix.join(dirname(document), path));
    expect(paths.filter((path) => !packed.includes(path))).toEqual([]);
  });

  test('names files that exist', () => {
    const paths = [...text.matchAll(/`((?:\.ci|bench|docs|examples|scripts|src|src-native|test)\/[\w./-]*)`/g)].map(
      ([, path = '']) => path,
    );
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('names commands and entries that the package has', () => {
    const main = readFileSync(join(root, 'src/cli/main.ts'), 'utf8');
    const commands = [...main.matchAll(/^ {4}case '(\w+)'/gm)].map(([, command]) => command);
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(commands.length).toBeGreaterThan(2);
    const named = [...text.matchAll(/(?:npx|exec|yarn) lingering-close (\w+)/g)].map(([, command]) => command);
    expect(named.filter((command) => !commands.includes(command))).toEqual([]);
    const preloaded = [...text.matchAll(/--(?:import|preload) lingering-close(\/[\w-]+)/g)].map(([, entry]) => entry);
    expect(preloaded.filter((entry) => !(`.${entry}` in exports))).toEqual([]);
  });

  test('names scripts that npm knows', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const named = [...text.matchAll(/npm (?:run (?:--silent )?([\w:-]+)|(test)\b)/g)].map(
      ([, script, test]) => script ?? test,
    );
    expect(named.filter((script) => !((script as string) in scripts))).toEqual([]);
  });
});

describe('the pictures', () => {
  const pictures = ['docs', 'docs/plots'].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith('.svg'))
      .map((name) => `${folder}/${name}`),
  );

  test.each(pictures)('%s has colours everywhere, also in the dark, and is readable on a phone', (picture) => {
    const text = readFileSync(join(root, picture), 'utf8');
    // Programs that know no CSS variables draw them black on black.
    expect(text).not.toContain('var(');
    expect(text).toContain('@media (prefers-color-scheme: dark)');
    expect(Number(/ width="(\d+)"/.exec(text)?.[1])).toBeLessThanOrEqual(480);
    const smallest = Math.min(...[...text.matchAll(/font-size(?:="|: )(\d+)/g)].map(([, size]) => Number(size)));
    expect(smallest).toBeGreaterThanOrEqual(12);
  });

  test('are all shown by a document', () => {
    const shown = documents.flatMap((document) =>
      linksOf(readFileSync(join(root, document), 'utf8')).map((link) => posix.join(dirname(document), link)),
    );
    expect(pictures.length).toBeGreaterThan(30);
    expect(pictures.filter((picture) => !shown.includes(picture))).toEqual([]);
  });
});

/** Targets of relative links and images. */
function linksOf(text: string): string[] {
  const patterns = [/\]\((?!https?:)([^)]+)\)/g, /^\[[^\]]+\]: (?!https?:)(\S+)$/gm];
  return patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, target = '']) => target));
}

function withoutImages(text: string): string {
  return text.replaceAll(/!\[[^\]]*\]\([^)]+\)/g, '');
}

function isThere(document: string, target: string): boolean {
  const [path = '', heading] = target.split('#');
  const file = path === '' ? join(root, document) : join(root, dirname(document), path);
  return existsSync(file) && (heading === undefined || headingsOf(file).includes(heading));
}

/** As GitHub makes anchors of headings. */
function headingsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}
