// Where the project lies, and whether it brings a binary for this platform.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export const platform = `${process.platform}-${process.arch}`;
export const prebuilds = join(root, 'prebuilds', platform);

/** On the one platform that has a binary, its absence is a failure and no reason to skip. */
export const prebuilt = platform === 'linux-x64' || existsSync(prebuilds);
/** The name of a skip: append it to a test's name. */
export const PREBUILT_SKIPPED = prebuilt ? '' : ` [skipped: there is no prebuilt binary for ${platform}]`;
