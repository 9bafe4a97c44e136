// The binary that users get: it is what its manifest says, and loads on other systems than the one that built it.
import { spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TARGETS } from '../../scripts/targets.mjs';
import { addonFile } from '../../src/system/addon.ts';
import { copyProject, PREBUILT_SKIPPED, platform, prebuilt, root, skipped, skips } from '../support/project.ts';
import { run, runOk } from '../support/run.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

const wanted = process.env['LINGERING_CLOSE_PREBUILD'] ? `prebuilds${sep}${platform}` : `build${sep}Release`;

test(`the suite runs on the addon in ${wanted}`, () => {
  expect(addonFile).toContain(join(root, wanted));
});

describe('the check of the prebuilt binaries', () => {
  test('passes: they match their manifests and the sources', async () => {
    expect(await run('node', ['scripts/check-prebuild.mjs'], { cwd: root })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    });
  });

  test('checks every folder that is shipped', () => {
    expect(readdirSync(join(root, 'prebuilds')).sort()).toEqual(TARGETS.map(({ name }) => name).sort());
  });

  const refused: [why: string, spoil: (copy: string) => void, said: Record<string, string>][] = [
    [
      'a source has changed',
      append('src-native/linger_bindings.cc'),
      both('src-native/linger_bindings.cc has changed'),
    ],
    ['a build flag has changed', append('binding.gyp'), both('binding.gyp has changed')],
    ['a source is new', append('src-native/new.h'), both('src-native/new.h is new')],
    [
      'a binary is not the file that was built',
      append('prebuilds/linux-arm64/lingering-close.node'),
      { 'linux-arm64': 'lingering-close.node is another file' },
    ],
    [
      'a binary is missing',
      remove('prebuilds/linux-x64/lingering-close.node'),
      { 'linux-x64': 'lingering-close.node is missing' },
    ],
    ['a folder is missing', remove('prebuilds/linux-arm64'), { 'linux-arm64': 'there is no manifest' }],
  ];

  function append(file: string) {
    return (copy: string) => appendFileSync(join(copy, file), '\n');
  }

  function remove(file: string) {
    return (copy: string) => rmSync(join(copy, file), { recursive: true });
  }

  function both(what: string) {
    return Object.fromEntries(TARGETS.map(({ name }) => [name, what]));
  }

  test.each(refused)('fails, and says what differs, when %s', async (_, spoil, said) => {
    const copy = copyProject(join(folder, 'stale-'));
    spoil(copy);
    const { code, stderr } = await run('node', ['scripts/check-prebuild.mjs'], { cwd: copy });
    const lines = Object.entries(said).map(([name, what]) => `prebuilds/${name} does not match: ${what}.\n`);
    expect(stderr).toBe(`${lines.join('')}Run \`npm run prebuild\` and commit what it writes.\n`);
    expect(code).toBe(1);
  });
});

describe.each(TARGETS)('the prebuilt binary of $name', ({ name, triplet }) => {
  const binary = join(root, 'prebuilds', name, 'lingering-close.node');

  test('holds no path of the machine on which it was built', () => {
    const text = readFileSync(binary, 'latin1');
    const absolutePath = /(?<![\w.])(\/[\w.-]{3,}){2,}/g;
    expect('at /home/somebody/addon.cc'.match(absolutePath)).toEqual(['/home/somebody/addon.cc']);
    // Every Linux machine has the one path that the addon reads.
    expect(text.match(absolutePath)).toEqual(['/proc/net/protocols']);
    expect(text).toContain('napi_register_module_v1');
  });

  // An objdump for one architecture cannot read the files of another.
  const objdump = name === platform ? 'objdump' : `${triplet}-objdump`;
  const missing =
    spawnSync(objdump, ['--version']).status === 0
      ? ''
      : `${objdump} is not installed (Debian package binutils, or one for that architecture)`;

  describe.skipIf(skips(missing))(`as objdump shows it${skipped(missing)}`, () => {
    // The limits are those of Debian 10 and RHEL 8: glibc 2.28, and the libstdc++ of GCC 8.
    const FLOORS: Record<string, string> = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11' };
    let headers: string;
    let symbols: string[];

    beforeAll(async () => {
      if (missing) throw new Error(missing);
      headers = await runOk(objdump, ['--private-headers', binary]);
      symbols = (await runOk(objdump, ['--dynamic-syms', binary])).split('\n');
    });

    test('needs no glibc newer than 2.28 and no libstdc++ newer than that of GCC 8', () => {
      const versions = [...headers.matchAll(/^ +0x\w+ 0x\w+ \d+ (\S+)$/gm)].map(([, name]) => name as string);
      expect(versions).toContain('GLIBCXX_3.4');
      expect(versions.filter(isTooNew)).toEqual([]);
    });

    function isTooNew(name: string): boolean {
      const [family, version] = name.split('_', 2) as [string, string];
      const floor = FLOORS[family];
      return floor === undefined || version.localeCompare(floor, 'en', { numeric: true }) > 0;
    }

    test('compares versions as numbers', () => {
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
      expect(names.filter(isTooNew)).toEqual([
        'GLIBC_2.29',
        'GLIBC_3.0',
        'GLIBC_ABI_DT_RELR',
        'GLIBCXX_3.4.26',
        'GCC_13.0.0',
      ]);
    });

    test('needs only libc and libstdc++, and no library from a fixed place', () => {
      expect([...headers.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name).sort()).toEqual([
        'libc.so.6',
        'libstdc++.so.6',
      ]);
      expect(headers).not.toMatch(/^ +(RPATH|RUNPATH) /m);
    });

    test('takes nothing else from its host than Node-API and libuv', () => {
      const undefinedOnes = symbols.filter((line) => line.includes('*UND*') && !/^\S+ +w /.test(line));
      const unversioned = undefinedOnes
        .filter((line) => !/\(\w+_[\d.]+\)/.test(line))
        .map((line) => line.split(/\s+/).at(-1));
      expect(unversioned).toContain('uv_poll_init');
      expect(unversioned.filter((name) => !/^(napi|uv)_/.test(name as string))).toEqual([]);
    });

    test('exports only the two entry points of Node-API', () => {
      // Local symbols, such as those of sections, are not exported.
      const defined = symbols
        .filter((line) => /^[0-9a-f]{16} [^l]/.test(line) && !line.includes('*UND*'))
        .map((line) => line.split(/\s+/).at(-1));
      expect(defined.sort()).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    });

    test('is bound at load time, so a host without libuv fails at load and not in a call', () => {
      const [, flags] = /^ +FLAGS +0x(\w+)$/m.exec(headers) ?? [];
      const DF_BIND_NOW = 8;
      expect(Number.parseInt(flags as string, 16) & DF_BIND_NOW).toBe(DF_BIND_NOW);
    });

    test('needs no executable stack and no writable code', () => {
      expect(headers).toMatch(/^ +STACK .*\n.* flags rw-$/m);
      expect(headers).toMatch(/^ +RELRO /m);
      expect(headers).not.toMatch(/^ +TEXTREL /m);
    });
  });
});

test.skipIf(!prebuilt)(
  `loads and closes a socket without a compiler and without the rest of the project${PREBUILT_SKIPPED}`,
  async () => {
    const copy = join(folder, 'bare');
    for (const name of ['package.json', 'dist', 'prebuilds']) {
      cpSync(join(root, name), join(copy, name), { recursive: true });
    }
    const bin = join(folder, 'empty');
    mkdirSync(bin);
    const script = `
    import { once } from 'node:events';
    import { connect, createServer } from 'node:net';
    import { safeClose } from 'lingering-close';
    import { addonFile } from './dist/system/addon.js';
    const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect(server.address().port, '127.0.0.1');
    await once(socket, 'connect');
    const { outcome, engine } = await safeClose(socket);
    server.close();
    console.log(JSON.stringify({ outcome, engine, addonFile }));
  `;
    const output = await runOk(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: copy,
      env: { PATH: bin },
    });
    const file = join(copy, 'prebuilds', platform, 'lingering-close.node');
    expect(JSON.parse(output)).toEqual({ outcome: 'eof', engine: 'native', addonFile: file });
  },
);
