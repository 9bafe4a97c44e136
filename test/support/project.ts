// Where the project lies, and whether it brings a binary for this platform.
import { cpSync, existsSync, mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../../scripts/targets.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The Node.js in which fixtures run. scripts/test-other-platform.mjs names one of another architecture, or of another libc; the runner, and its peers, stay here. */
export const node = process.env['LINGERING_CLOSE_TEST_NODE'] ?? process.execPath;

export const platform = `${process.platform}-${process.arch}`;
/** Of the fixtures' Node.js. */
export const host = process.env['LINGERING_CLOSE_TEST_HOST'] ?? `${platform} ${hasGlibc() ? 'glibc' : 'musl'}`;

function hasGlibc(): boolean {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

export const prebuilds = join(root, 'prebuilds', platform);

/** On the platforms that have a binary, its absence is a failure and no reason to skip. */
export const prebuilt = TARGETS.some(({ name }) => name === platform) || existsSync(prebuilds);
/** The name of a skip: append it to a test's name. */
export const PREBUILT_SKIPPED = prebuilt ? '' : ` [skipped: there is no prebuilt binary for ${platform}]`;

/** In CI a missing tool is a failure, not a reason to look at less. `missing`: what is missing; empty if nothing is. */
export const skips = (missing: string) => Boolean(missing) && !process.env['CI'];
/** The name of such a skip. */
export const skipped = (missing: string) => (skips(missing) ? ` [skipped: ${missing}]` : '');

/** What the prebuilt binaries are built from and checked with, in a folder of its own. */
export function copyProject(to: string): string {
  const copy = mkdtempSync(to);
  for (const part of ['package.json', 'scripts', 'src-native', 'binding.gyp', 'prebuilds']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
