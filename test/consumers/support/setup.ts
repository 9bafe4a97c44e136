// Packs the package once for all consumers. The tools are there already: scripts/test-consumers.mjs has fetched them.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { root } from '../../support/project.ts';
import { runOk } from '../../support/run.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    tarball: string;
    /** A folder with `node` and nothing else, to be the PATH. */
    bin: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-consumers-'));
  for (const script of ['sbom', 'licences']) await runOk('npm', ['run', script], { cwd: root });
  // Without scripts: `npm run test:consumers` has built dist/.
  await runOk('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
  const { version } = JSON.parse(
    await runOk('npm', ['pkg', 'get', 'version', '--json'], { cwd: root }).then((text) => `{"version": ${text}}`),
  );
  project.provide('tarball', join(folder, `lingering-close-${version}.tgz`));
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, join(bin, 'node'));
  project.provide('bin', bin);
  return () => rmSync(folder, { recursive: true, force: true });
}
