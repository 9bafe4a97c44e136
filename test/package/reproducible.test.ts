// `npm run prebuild` gives the same bytes from the same sources with the same tools. These are the bytes in the
// project.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readManifest } from '../../scripts/manifest.mjs';
import { TARGETS, toolsOf, whyNotBuilt } from '../../scripts/targets.mjs';
import { copyProject, root, skipped, skips } from '../support/project.ts';
import { runOk } from '../support/run.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const uncompiled = TARGETS.map(whyNotBuilt).filter((why) => why !== undefined);
const buildable = TARGETS.filter((target) => !skips(whyNotBuilt(target) ?? ''));

describe(`npm run prebuild${skipped(uncompiled.join('; '))}`, () => {
  // Paths of different lengths: a path that gets into a binary moves what follows it.
  let builds: string[];

  beforeAll(async () => {
    builds = ['one-', 'the-second-and-longer-'].map((name) => copyProject(join(folder, name)));
    for (const copy of builds) {
      rmSync(join(copy, 'prebuilds'), { recursive: true });
      await runOk('npm', ['run', 'prebuild'], { cwd: copy });
    }
  }, 600_000);

  test.each(buildable)('gives the same bytes in two folders: $name', ({ name }) => {
    const [first, second] = builds.map((copy) => readFileSync(join(copy, 'prebuilds', name, 'lingering-close.node')));
    expect(first?.equals(second as Buffer)).toBe(true);
    const manifests = builds.map((copy) => readFileSync(join(copy, 'prebuilds', name, 'manifest.json'), 'utf8'));
    expect(manifests[0]).toBe(manifests[1]);
  });

  describe.each(buildable)('$name', (target) => {
    const { compiler, binutils } = readManifest(target)?.builtWith ?? {};
    const here = toolsOf(target);
    const others =
      compiler === here.compiler && binutils === here.binutils
        ? ''
        : `built with ${compiler}, ${binutils}; here are ${here.compiler}, ${here.binutils}`;

    test.skipIf(Boolean(others))(`gives the bytes that are in the project${others && ` [skipped: ${others}]`}`, () => {
      const [built, committed] = [builds[0] as string, root].map((from) =>
        readFileSync(join(from, 'prebuilds', target.name, 'lingering-close.node')),
      );
      expect(built?.equals(committed as Buffer)).toBe(true);
    });
  });
});

describe('npm pack', () => {
  const LEFT_OUT = new Set(['.git', 'node_modules', 'build', 'dist', 'coverage']);

  /** The project as a clone has it, ready to be packed. */
  function clone(name: string): string {
    const to = mkdtempSync(join(folder, name));
    const filter = (file: string) => !LEFT_OUT.has(relative(root, file)) && !/\/node_modules$|\.tgz$/.test(file);
    cpSync(root, to, { recursive: true, filter });
    for (const made of ['sbom.cdx.json', 'THIRD-PARTY-LICENSES']) rmSync(join(to, made), { force: true });
    symlinkSync(join(root, 'node_modules'), join(to, 'node_modules'));
    return to;
  }

  const list = (of: string) => readdirSync(of).sort();

  test('gives the same bytes in two folders, and leaves nothing behind that git would see', async () => {
    const clones = ['one-', 'the-second-and-longer-'].map(clone);
    const before = list(clones[0] as string);
    const tarballs = await Promise.all(
      clones.map(async (cwd) => {
        const to = mkdtempSync(join(folder, 'tarball-'));
        await runOk('npm', ['pack', '--pack-destination', to], { cwd });
        return readFileSync(join(to, list(to)[0] as string));
      }),
    );
    expect(tarballs[0]?.equals(tarballs[1] as Buffer)).toBe(true);
    const made = list(clones[0] as string).filter((name) => !before.includes(name));
    expect(made).toEqual(['THIRD-PARTY-LICENSES', 'dist', 'sbom.cdx.json']);
    const ignored = readFileSync(join(root, '.gitignore'), 'utf8').split('\n');
    for (const name of made) expect(ignored.some((line) => line.replace(/\/$/, '') === name)).toBe(true);
  }, 120_000);
});
