// The binary that users get: that it is what its manifest says, and that it loads on systems other than the one it was built on.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addonFile } from '../src/native.ts';
import { PREBUILT_SKIPPED, platform, prebuilds, prebuilt, root } from './support/project.ts';
import { run, runOk } from './support/run.ts';

const binary = join(prebuilds, 'lingering-close.glibc.node');

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const wanted = process.env['PREBUILDS_ONLY'] ? `prebuilds${sep}${platform}` : `build${sep}Release`;

test(`the suite runs on the addon in ${wanted}`, () => {
  expect(addonFile).toContain(join(root, wanted));
});

describe.skipIf(!prebuilt)(`the prebuilt binary${PREBUILT_SKIPPED}`, () => {
  test('matches its manifest and the sources', async () => {
    expect(await run('node', ['scripts/check-prebuild.mjs'], { cwd: root })).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  test.each([
    ['a source has changed', 'src-native/linger.cc', 'src-native/linger.cc'],
    ['a build flag has changed', 'binding.gyp', 'binding.gyp'],
    ['it is not the one that was built', `prebuilds/${platform}/lingering-close.glibc.node`, 'lingering-close.glibc.node'],
  ])('is refused by the check when %s', async (_, file, named) => {
    const copy = mkdtempSync(join(folder, 'stale-'));
    for (const name of ['scripts', 'src-native', 'binding.gyp', 'prebuilds'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    appendFileSync(join(copy, file), '\n');
    const { code, stderr } = await run('node', ['scripts/check-prebuild.mjs'], { cwd: copy });
    expect(stderr).toBe(`The prebuilt binary does not match: ${named}. Run \`npm run prebuild\` and commit what it writes.\n`);
    expect(code).toBe(1);
  });

  test('holds no path of the machine on which it was built', () => {
    const text = readFileSync(binary, 'latin1');
    const absolutePath = /(?<![\w.])(\/[\w.-]{3,}){2,}/g;
    expect('at /home/somebody/addon.cc'.match(absolutePath)).toEqual(['/home/somebody/addon.cc']);
    expect(text.match(absolutePath)).toBeNull();
    expect(text).toContain('napi_register_module_v1');
  });

  test('loads and closes a socket where there is no compiler and nothing else of the project', async () => {
    const copy = join(folder, 'bare');
    for (const name of ['package.json', 'dist', 'prebuilds', 'node_modules/node-gyp-build']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    const bin = join(folder, 'empty');
    mkdirSync(bin);
    const script = `
      import { once } from 'node:events';
      import { connect, createServer } from 'node:net';
      import { safeClose } from 'lingering-close';
      import { addonFile } from './dist/native.js';
      const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const socket = connect(server.address().port, '127.0.0.1');
      await once(socket, 'connect');
      const { outcome, engine } = await safeClose(socket);
      server.close();
      console.log(JSON.stringify({ outcome, engine, addonFile }));
    `;
    const output = await runOk(process.execPath, ['--input-type=module', '--eval', script], { cwd: copy, env: { PATH: bin } });
    const file = join(copy, 'prebuilds', platform, 'lingering-close.glibc.node');
    expect(JSON.parse(output)).toEqual({ outcome: 'eof', engine: 'native', addonFile: file });
  });

  const missing = spawnSync('objdump', ['--version']).status === 0 ? '' : 'objdump is not installed (Debian package binutils)';

  // In CI a missing tool is a failure, not a reason to look at less.
  const skipped = Boolean(missing) && !process.env['CI'];
  describe.skipIf(skipped)(`as objdump shows it${skipped ? ` [skipped: ${missing}]` : ''}`, () => {
    // The floors are those of Debian 10 and RHEL 8: glibc 2.28, and the libstdc++ of GCC 8.
    const FLOORS: Record<string, string> = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11' };
    let headers: string;
    let symbols: string[];

    beforeAll(async () => {
      if (missing) throw new Error(missing);
      headers = await runOk('objdump', ['--private-headers', binary]);
      symbols = (await runOk('objdump', ['--dynamic-syms', binary])).split('\n');
    });

    test('needs no glibc newer than 2.28 and no libstdc++ newer than that of GCC 8', () => {
      const versions = [...headers.matchAll(/^ +0x\w+ 0x\w+ \d+ (\S+)$/gm)].map(([, name]) => name as string);
      expect(versions).toContain('GLIBC_2.28');
      expect(versions.filter(isTooNew)).toEqual([]);
    });

    function isTooNew(name: string): boolean {
      const [family, version] = name.split('_', 2) as [string, string];
      const floor = FLOORS[family];
      return floor === undefined || version.localeCompare(floor, 'en', { numeric: true }) > 0;
    }

    test('the comparison of versions is one by numbers', () => {
      const names = [
        'GLIBC_2.9',
        'GLIBC_2.28',
        'GLIBC_2.29',
        'GLIBC_3.0',
        'GLIBC_ABI_DT_RELR',
        'GLIBCXX_3.4',
        'GLIBCXX_3.4.26',
        'CXXABI_1.3.9',
        'GCC_13.0.0',
      ];
      expect(names.filter(isTooNew)).toEqual(['GLIBC_2.29', 'GLIBC_3.0', 'GLIBC_ABI_DT_RELR', 'GLIBCXX_3.4.26', 'GCC_13.0.0']);
    });

    test('needs no library but libc and libstdc++, and none from a fixed place', () => {
      expect([...headers.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name).sort()).toEqual(['libc.so.6', 'libstdc++.so.6']);
      expect(headers).not.toMatch(/^ +(RPATH|RUNPATH) /m);
    });

    test('takes nothing else from its host but Node-API and libuv', () => {
      const undefinedOnes = symbols.filter((line) => line.includes('*UND*') && !/^\S+ +w /.test(line));
      const unversioned = undefinedOnes.filter((line) => !/\(\w+_[\d.]+\)/.test(line)).map((line) => line.split(/\s+/).at(-1));
      expect(unversioned).toContain('uv_poll_init');
      expect(unversioned.filter((name) => !/^(napi|uv)_/.test(name as string))).toEqual([]);
    });

    test('shows nothing but the two entry points of Node-API', () => {
      const defined = symbols
        .filter((line) => /^[0-9a-f]{16} /.test(line) && !line.includes('*UND*'))
        .map((line) => line.split(/\s+/).at(-1));
      expect(defined.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    });

    test('is bound when it is loaded, so that a host without libuv fails there and not in a call', () => {
      const [, flags] = /^ +FLAGS +0x(\w+)$/m.exec(headers) ?? [];
      const DF_BIND_NOW = 8;
      expect(Number.parseInt(flags as string, 16) & DF_BIND_NOW).toBe(DF_BIND_NOW);
    });

    test('needs no executable stack, and no code is written to', () => {
      expect(headers).toMatch(/^ +STACK .*\n.* flags rw-$/m);
      expect(headers).toMatch(/^ +RELRO /m);
      expect(headers).not.toMatch(/^ +TEXTREL /m);
    });
  });
});
