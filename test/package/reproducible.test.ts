// `npm run prebuild` gives the same bytes from the same sources with the same tools. These are the bytes in the
// project.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
