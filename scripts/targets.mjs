// The platforms for which a binary is shipped, and the tools that build it. One file serves glibc and musl: its name holds no libc.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const BINARY = 'lingering-close.node';

const { env } = process;

/** On a machine of the same kind the compiler that is there, or the one that CXX names; elsewhere a cross compiler as Debian names it. */
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

/** The first line of what a tool says of itself; undefined where there is no such tool. It may hold arguments too ('ccache g++'). */
export function versionOf(command) {
  const { status, stdout } = spawnSync(`${command} --version`, { shell: true, encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/** The tools that a target's binary depends on byte by byte. The Node.js whose headers are used is not among them. */
export function toolsOf({ cxx, linker }) {
  return { compiler: versionOf(cxx), binutils: versionOf(linker) };
}

/** Why a target cannot be built on this machine; undefined where it can. */
export function whyNotBuilt({ cxx, strip, debianPackage }) {
  const missing = [cxx, strip].filter((command) => versionOf(command) === undefined);
  return missing.length > 0
    ? `this machine lacks ${missing.join(' and ')} (Debian package ${debianPackage})`
    : undefined;
}
