// Finds the addon's file and loads it. Nothing here throws, whatever is wrong with the files, the place of this module
// or the `process` object: where there is no addon, `unavailable` says why, and what to do.

import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import nodeModule from 'node:module';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtime } from '../core/runtime.ts';

/** The same number as `kContract` of src-native/exports.h: an addon with another one, or with none, is not ours. */
const CONTRACT = 1;
const NAME = 'lingering-close.node';

export interface Unavailable {
  code: 'ERR_ADDON_UNAVAILABLE' | 'ERR_UNSUPPORTED_PLATFORM';
  /** Completes "... is not available: ". */
  reason: string;
  /** Whether the platform is one for which the addon is made, so that its absence deserves a warning. */
  unexpected: boolean;
}

export interface Loaded<Addon> {
  addon?: Addon;
  file?: string;
  unavailable?: Unavailable;
}

/** The addon of this package, or why there is none. */
export function loadAddon<Addon>(): Loaded<Addon> {
  try {
    if (runtime) return unsupported(`${runtime} does not give addons the event loop of libuv`);
    if (process.platform !== 'linux' && process.platform !== 'darwin') {
      return unsupported(`there is no addon for ${process.platform}`);
    }
    return firstOf(candidates());
  } catch (error) {
    // Only a `process` object that is none of Node's comes to this.
    return unsupported(firstLine(error));
  }
}

/** Every place is tried: a build that has gone wrong does not keep a good binary from being used. */
function firstOf<Addon>(files: string[]): Loaded<Addon> {
  let failure: Failure | undefined;
  for (const file of files) {
    try {
      return { addon: load(file) as Addon, file };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // What is there and does not load tells more than what is not there.
      if (code !== 'MODULE_NOT_FOUND') failure ??= { code, reason: firstLine(error) };
    }
  }
  const { reason, remedy } = explain(failure, files);
  // No binary is shipped for macOS: building it is a choice there.
  const unexpected = process.platform === 'linux';
  return {
    unavailable: { code: 'ERR_ADDON_UNAVAILABLE', reason: `${reason.replace(/\.$/, '')}. ${remedy}`, unexpected },
  };
}

function load(file: string): unknown {
  if (isCutOff(file)) throw new Error(`${file} is cut off`);
  // By `require`, whose cache gives all copies of the package in a process the same addon, and by it the same loop.
  // (Not a `createRequire` that is imported by its name: webpack would put something of its own in its place.)
  const require = nodeModule.createRequire(file);
  const addon: { lingeringClose?: unknown } | null | undefined = require(file);
  if (addon?.lingeringClose === CONTRACT) return addon;
  throw new Error(`${file} is not the addon of this version of lingering-close`);
}

const ELF = Buffer.from('\x7fELF');

/**
 * Whether the file ends too soon: the dynamic loader would map it all the same, and SIGBUS would kill the process. In
 * an ELF file the section headers come last (elf(5)).
 */
function isCutOff(file: string): boolean {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    const header = Buffer.alloc(64);
    readSync(fd, header, 0, header.length, 0);
    // Of 64 bits and little-endian; the dynamic loader refuses others by itself.
    if (!header.subarray(0, ELF.length).equals(ELF) || header[4] !== 2 || header[5] !== 1) return false;
    const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60);
    return fstatSync(fd).size < end;
  } catch {
    // Not there, or a test has put something in place of node:fs: loading it will tell.
    return false;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The files that may be the addon, the first choice first. */
function candidates(): string[] {
  const target = `${process.platform}-${process.arch}`;
  const given = process.env['LINGERING_CLOSE_PREBUILD'];
  // Nothing else is tried then: a test of that file should not run on another one.
  if (given) return [resolve(given.endsWith('.node') ? given : join(given, target, NAME))];
  const here = ownFile();
  return [
    // By `npx lingering-close build`, or `npm run build:native` of the project.
    here && join(packageFolder(here), 'build/Release/lingering_close.node'),
    shipped(target),
    // Of an application in one file.
    here && join(dirname(here), NAME),
  ].filter((file) => file !== undefined);
}

/**
 * Each path is written out where it is used: packagers that trace or copy what a program needs (`@vercel/nft`, webpack)
 * read `new URL(<text>, import.meta.url)`, and no variable.
 */
function shipped(target: string): string | undefined {
  try {
    switch (target) {
      case 'linux-x64':
        return fileURLToPath(new URL('../../prebuilds/linux-x64/lingering-close.node', import.meta.url));
      case 'linux-arm64':
        return fileURLToPath(new URL('../../prebuilds/linux-arm64/lingering-close.node', import.meta.url));
    }
  } catch {
    // A bundle in which import.meta is empty, or has a URL that is no file's.
  }
  return undefined;
}

/** The file in which this code lies, which may be an application's bundle, or its single executable. */
function ownFile(): string | undefined {
  // Some bundlers put the path of the build machine into import.meta.url, others nothing. There `__filename` is that of
  // the bundle; in an ES module it may be a variable of the application's, or '[eval]'.
  const ways = [() => fileURLToPath(import.meta.url), () => __filename];
  for (const way of ways) {
    try {
      const file = way();
      if (isAbsolute(file) && existsSync(file)) return file;
    } catch {
      // No URL of a file; no such variable.
    }
  }
  return undefined;
}

function packageFolder(file: string): string {
  return join(dirname(file), '../..');
}

interface Failure {
  code: string | undefined;
  reason: string;
}

/** What is said when no file could be loaded: why, and the one thing that helps. */
function explain(failure: Failure | undefined, files: string[]): { reason: string; remedy: string } {
  const target = `${process.platform}-${process.arch}`;
  if (failure?.code === 'ERR_DLOPEN_DISABLED' || failure?.code === 'ERR_ACCESS_DENIED') {
    const remedy =
      'Allow addons: no --no-addons; with --permission, --allow-addons, and --allow-fs-read for the package';
    return { reason: failure.reason, remedy };
  }
  if (process.env['LINGERING_CLOSE_PREBUILD']) {
    const reason = failure?.reason ?? `${files[0]} is not there`;
    return { reason, remedy: 'LINGERING_CLOSE_PREBUILD names it' };
  }
  const here = ownFile();
  if (!here || !isPackage(packageFolder(here))) {
    const to = here ? join(dirname(here), NAME) : undefined;
    const copy = to
      ? `copy prebuilds/${target}/${NAME} of the package to ${to}`
      : 'name its file in LINGERING_CLOSE_PREBUILD';
    const reason = failure?.reason ?? 'lingering-close was bundled into a program, without its addon';
    return { reason, remedy: `Leave lingering-close external when bundling, or ${copy}` };
  }
  const shippedFile = shipped(target);
  const missing = shippedFile ? `${shippedFile} is missing` : `there is no binary for ${target} in the package`;
  const build = 'build it: npx lingering-close build';
  const remedy = shippedFile
    ? `Install lingering-close anew, with all of its files, or ${build}`
    : `To have it, ${build}`;
  return { reason: failure?.reason ?? missing, remedy };
}

function isPackage(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'lingering-close';
  } catch {
    return false;
  }
}

function unsupported(reason: string): Loaded<never> {
  return { unavailable: { code: 'ERR_UNSUPPORTED_PLATFORM', reason, unexpected: false } };
}

function firstLine(error: unknown): string {
  return String((error as Error | undefined)?.message).split('\n', 1)[0] as string;
}
