// Where the project lies, and whether it has a binary for this platform.
import { cpSync, existsSync, mkdtempSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../../scripts/targets.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The Node.js in which fixtures run. scripts/test-other-platform.mjs names one of another architecture or another libc.
 * The test runner and its peers stay in this Node.js.
 */
export const node = process.env['LINGERING_CLOSE_TEST_NODE'] ?? process.execPath;

export const platform = `${process.platform}-${process.arch}`;
/** Of the Node.js of the fixtures. */
export const host = process.env['LINGERING_CLOSE_TEST_HOST'] ?? `${platform} ${hasGlibc() ? 'glibc' : 'musl'}`;

function hasGlibc(): boolean {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return header.glibcVersionRuntime !== undefined;
}

export const prebuilds = join(root, 'prebuilds', platform);

/** On a platform that has a binary, a missing binary is a failure, not a reason to skip. */
export const prebuilt = TARGETS.some(({ name }) => name === platform) || existsSync(prebuilds);
/** The reason of a skip: append it to a test's name. */
export const PREBUILT_SKIPPED = prebuilt ? '' : ` [skipped: there is no prebuilt binary for ${platform}]`;

/** In CI a missing tool is a failure, not a reason to skip. `missing`: what is missing, or empty. */
export const skips = (missing: string) => Boolean(missing) && !process.env['CI'];
/** The reason of such a skip. */
export const skipped = (missing: string) => (skips(missing) ? ` [skipped: ${missing}]` : '');

/** A copy, in a folder of its own, of what the prebuilt binaries are built from and checked with. */
export function copyProject(to: string): string {
  const copy = mkdtempSync(to);
  for (const part of ['package.json', 'scripts', 'src-native', 'binding.gyp', 'prebuilds']) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}
