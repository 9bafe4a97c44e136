// Where the project lies, and whether it brings a binary for this platform.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TARGETS } from '../../scripts/targets.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The Node.js in which fixtures run. scripts/test-elsewhere.mjs names one of another architecture, or of another libc; the runner, and its peers, stay here. */
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
