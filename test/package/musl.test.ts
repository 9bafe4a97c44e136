// One binary serves glibc and musl. `npm run test:musl` shows that it works on musl, in a Node.js for musl. This file
// shows why, for both architectures: the binary needs nothing that musl lacks, what it exchanges with libc has the same
// layout in both, and musl's own loader accepts it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { muslForArm64, muslLibraries } from '../../scripts/other-platforms.mjs';
import { prebuilds, root, skipped, skips } from '../support/project.ts';
import { run, runOk } from '../support/run.ts';

const elsewhere = join(root, 'test/other-platforms');

interface Target {
  name: string;
  /** The prefix of the names of glibc's compiler and binutils. */
  prefix: string;
  /** Files that must be there, and where each comes from. */
  needs: [file: string, origin: string][];
  loader: string;
  muslCompiler: string[];
  glibcLoader: string;
  /** The folder of a libstdc++ and a libgcc that are built for glibc. */
  libraries: string[];
  /** The command before a program of musl. */
  runner: string[];
}

const TARGETS: Target[] = [
  {
    name: 'linux-x64',
    prefix: 'x86_64-linux-gnu-',
    needs: [
      ['/lib/ld-musl-x86_64.so.1', 'Debian package musl'],
      ['/usr/bin/musl-gcc', 'Debian package musl-tools'],
      ['/usr/bin/x86_64-linux-gnu-gcc', 'Debian package g++, on x64'],
    ],
    loader: '/lib/ld-musl-x86_64.so.1',
    muslCompiler: ['musl-gcc'],
    glibcLoader: 'ld-linux-x86-64.so.2',
    libraries: ['/usr/lib/x86_64-linux-gnu/libstdc++.so.6', '/lib/x86_64-linux-gnu/libgcc_s.so.1'],
    runner: [],
  },
  {
    name: 'linux-arm64',
    prefix: 'aarch64-linux-gnu-',
    needs: [
      [muslForArm64, 'npm run fetch:platforms'],
      ['/usr/bin/aarch64-linux-gnu-g++', 'Debian package g++-aarch64-linux-gnu'],
      ['/usr/bin/qemu-aarch64-static', 'Debian package qemu-user-static'],
    ],
    loader: join(muslForArm64, 'lib/aarch64-linux-musl/libc.so'),
    muslCompiler: ['aarch64-linux-gnu-gcc', '-specs', join(muslForArm64, 'usr/lib/aarch64-linux-musl/musl-gcc.specs')],
    glibcLoader: 'ld-linux-aarch64.so.1',
    libraries: ['/usr/aarch64-linux-gnu/lib/libstdc++.so.6', '/usr/aarch64-linux-gnu/lib/libgcc_s.so.1'],
    runner: ['qemu-aarch64-static', '-L', muslForArm64],
  },
];

test('the loader asks for no libc: one file serves both', async () => {
  const script = `import { addonFile } from './dist/system/addon.js'; console.log(addonFile);`;
  const output = await runOk(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
    env: { LIBC: 'musl', LINGERING_CLOSE_PREBUILD: join(root, 'prebuilds') },
  });
  expect(output.trim()).toBe(join(prebuilds, 'lingering-close.node'));
});

for (const { name, prefix, needs, loader, muslCompiler, glibcLoader, libraries, runner } of TARGETS) {
  const missing = needs
    .filter(([file]) => !existsSync(file))
    .map(([file, origin]) => `${file} is missing (${origin})`)
    .join(', ');
  describe.skipIf(skips(missing))(`the binary of ${name} on musl${skipped(missing)}`, () => {
    const binary = join(root, 'prebuilds', name, 'lingering-close.node');
    let folder: string;
    let needed: string[];

    beforeAll(async () => {
      if (missing) throw new Error(missing);
      folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
      needed = await symbols('--undefined-only', binary);
    });

    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** Without weak symbols, which may be missing, and without versions, which musl ignores. */
    async function symbols(which: string, file: string): Promise<string[]> {
      const lines = (await runOk(`${prefix}nm`, ['--dynamic', which, file])).trim().split('\n');
      return lines
        .map((line) => line.trim().split(/ +/).slice(-2) as [string, string])
        .filter(([kind]) => kind !== 'w')
        .map(([, symbol]) => symbol.replace(/@.*/, ''));
    }

    test('needs no symbol that is neither in musl, nor in libstdc++, nor in Node.js', async () => {
      const offered = new Set(await symbols('--defined-only', loader));
      expect(offered).toContain('fcntl');
      expect(offered).not.toContain('fcntl64');
      const fromLibc = needed.filter((symbol) => !/^(napi_|uv_|_Z)/.test(symbol));
      expect(fromLibc).toContain('epoll_ctl');
      expect(fromLibc.filter((symbol) => !offered.has(symbol))).toEqual([]);
    });

    test('exchanges nothing with libc that has another layout in musl', async () => {
      const layouts = async (command: string, ...flags: string[]) => {
        const assembly = await runOk(command, [...flags, '-S', '-O1', '-o', '-', join(elsewhere, 'layouts.c')]);
        return assembly.match(/^\t\.(quad|xword|zero)\t.*$/gm);
      };
      const glibc = await layouts(`${prefix}gcc`);
      expect(glibc?.length).toBeGreaterThan(60);
      const [musl, ...flags] = muslCompiler as [string, ...string[]];
      expect(await layouts(musl, ...flags)).toEqual(glibc);
    });

    test("is loaded by musl's own loader", async () => {
      const [compiler, ...flags] = muslCompiler as [string, ...string[]];
      const names = needed.filter((symbol) => /^(napi_|uv_)/.test(symbol)).map((symbol) => `NAME(${symbol})`);
      const host = join(folder, 'host');
      await runOk(compiler, [
        ...flags,
        '-rdynamic',
        `-DNAMES=${names.join(' ')}`,
        '-o',
        host,
        join(elsewhere, 'host.c'),
      ]);
      const libs = join(folder, 'lib');
      muslLibraries(libs, muslCompiler, glibcLoader, libraries);
      const load = async (file: string) => {
        const [command = '', ...args] = [
          ...runner,
          loader,
          '--library-path',
          libs,
          '--preload',
          join(libs, glibcLoader),
          host,
          file,
        ];
        const { code, stdout, stderr } = await run(command, args);
        return { code, said: stdout + stderr };
      };
      expect(await load(binary)).toEqual({ code: 0, said: 'loaded\n' });

      // The control: the same addon, with one name that only glibc has.
      const other = join(folder, 'other.node');
      writeFileSync(other, readFileSync(binary, 'latin1').replace('\0epoll_ctl\0', '\0epoll_ctX\0'), 'latin1');
      expect(await load(other)).toMatchObject({
        code: 1,
        said: expect.stringContaining('epoll_ctX: symbol not found'),
      });
    });
  });
}
