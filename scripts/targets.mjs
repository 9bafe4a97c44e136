// The platforms with a prebuilt binary, and the tools that build it. One file serves glibc and musl, so its name
// contains no libc.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const BINARY = 'lingering-close.node';

const { env } = process;

/** On a machine of the same kind: CXX, or the usual compiler. On other machines: the cross compiler of Debian. */
function target(arch, triplet, debianPackage) {
  const name = `linux-${arch}`;
  const native = name === `${process.platform}-${process.arch}`;
  const prefix = native ? '' : `${triplet}-`;
  return {
    name,
    arch,
    triplet,
    folder: join(root, 'prebuilds', name),
    cc: native ? (env.CC ?? 'gcc') : `${prefix}gcc`,
    cxx: native ? (env.CXX ?? 'g++') : `${prefix}g++`,
    strip: `${prefix}strip`,
    linker: `${prefix}ld`,
    debianPackage: native ? 'g++' : debianPackage,
  };
}

export const TARGETS = [
  target('x64', 'x86_64-linux-gnu', 'g++-x86-64-linux-gnu'),
  target('arm64', 'aarch64-linux-gnu', 'g++-aarch64-linux-gnu'),
];

/** The first line of `command --version`, or undefined when there is no such tool. `command` may hold arguments. */
export function versionOf(command) {
  const { status, stdout } = spawnSync(`${command} --version`, { shell: true, encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/** The tools that decide the bytes of a binary. The headers of Node.js are not among them. */
export function toolsOf({ cxx, linker }) {
  return { compiler: versionOf(cxx), binutils: versionOf(linker) };
}

/** Why this machine cannot build a target, or undefined when it can. */
export function whyNotBuilt({ cxx, strip, debianPackage }) {
  const missing = [cxx, strip].filter((command) => versionOf(command) === undefined);
  return missing.length > 0
    ? `this machine lacks ${missing.join(' and ')} (Debian package ${debianPackage})`
    : undefined;
}
