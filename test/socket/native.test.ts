import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { node } from '../support/project.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const absent = join(root, 'test/fixtures/socket/native-absent.mjs');

interface Said {
  engine: string;
  warnings: { name: string; code: string; message: string }[];
  errors: Record<string, { type: string; code: string; message: string }>;
  works: Record<string, string | boolean>;
}

function runAbsent(flags: string[], args: string[] = []): Said & { stderr: string } {
  const { NODE_OPTIONS, LINGERING_CLOSE_PREBUILD, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(node, [...flags, absent, ...args], { encoding: 'utf8', env });
  expect(stderr.match(/^.*Error.*$/m)).toBeNull();
  expect(status).toBe(0);
  return { ...JSON.parse(stdout), stderr };
}

/** The remedy for addons that are switched off. */
const ALLOW = 'Allow addons: no --no-addons; with --permission, --allow-addons';

const NEED_THE_ADDON = ['setLinger', 'getLinger', 'pendingBytes', 'unackedBytes', 'send', 'getSigpipe', 'setSigpipe'];

function expectFallback(said: Said & { stderr: string }, reason: RegExp, remedy: string): void {
  expect(said.engine).toBe('streams');
  expect(said.warnings).toEqual([
    { name: 'LingeringCloseWarning', code: 'LINGERING_CLOSE_FALLBACK', message: expect.stringMatching(reason) },
  ]);
  expect(said.stderr.split('[LINGERING_CLOSE_FALLBACK]')).toHaveLength(2);
  expect(Object.keys(said.errors)).toEqual(NEED_THE_ADDON);
  for (const [name, error] of Object.entries(said.errors)) {
    expect(error).toMatchObject({
      type: 'Error',
      code: 'ERR_ADDON_UNAVAILABLE',
      message: expect.stringMatching(reason),
    });
    expect(error.message).toMatch(`${name}() needs the addon of lingering-close: `);
    expect(error.message).toContain(remedy);
  }
  expect(said.works).toEqual({
    isConnectionReset: true,
    SocketError: 'EPIPE',
    safeClose: 'closed',
    tcpAbortCounters: 'number',
  });
}

describe('the addon', () => {
  test('answers any input with a number or a TypeError, and survives', async () => {
    await using fixture = new Fixture<{
      calls: number;
      bad: unknown[];
      names: string[];
      again: number;
      sigpipe: number;
    }>('socket/native-hostile');
    const { calls, bad, names, again, sigpipe } = await fixture.next();
    expect(names).toContain('startLinger');
    expect(calls).toBeGreaterThan(10_000);
    expect(bad).toEqual([]);
    // EALREADY: one loop for each environment.
    expect(again).toBe(-114);
    // None of these values was a disposition.
    expect(sigpipe).toBe(1);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(fixture.stderr).toBe('');
  });

  test('passes on an exception of its callback', async () => {
    await using fixture = new Fixture<{ port: number; result: number; message: string }>(
      'socket/native-throwing-callback',
    );
    const { port, result } = await fixture.next();
    expect(result).toBe(0);
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    await peer.close();
    expect(await fixture.next()).toEqual({ message: 'thrown with 6 figures' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});

describe('where the addon is not available', () => {
  test('--no-addons: one warning, the streams engine, and an error from each function that needs the addon', () => {
    expectFallback(runAbsent(['--no-addons']), /Cannot load native addon because loading addons is disabled/, ALLOW);
  });

  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  // The warning about the flag itself comes from Node.
  const permitted = [
    permission,
    '--allow-fs-read=*',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
  ];

  test(`${permission}: the same`, () => {
    const said = runAbsent(permitted);
    expectFallback(
      { ...said, warnings: said.warnings.filter(({ code }) => code === 'LINGERING_CLOSE_FALLBACK') },
      /addons is disabled/,
      ALLOW,
    );
  });

  test(`${permission} --allow-addons: the addon is loaded`, () => {
    const { engine, warnings, errors } = runAbsent([...permitted, '--allow-addons']);
    expect(engine).toBe('native');
    expect(warnings.filter(({ code }) => code === 'LINGERING_CLOSE_FALLBACK')).toEqual([]);
    const asked = Object.values(errors).map(({ code }) => code);
    expect(asked).toEqual(['EBADF', 'EBADF', 'EBADF', 'EBADF', 'EBADF']);
  });

  /** A copy of the package, with `addon` in place of the addon. */
  function runCopy(binary?: string) {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, 'package.json'));
    if (binary !== undefined) {
      mkdirSync(join(folder, 'build/Release'), { recursive: true });
      writeFileSync(join(folder, 'build/Release/lingering_close.node'), binary);
    }
    try {
      return runAbsent([], ['', pathToFileURL(join(folder, 'dist/index.js')).href]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('no binary', () => {
    expectFallback(runCopy(), /lingering-close\.node is missing/, 'npx lingering-close build');
  });

  test('a broken binary', () => {
    expectFallback(
      runCopy('this is no shared object'),
      /invalid ELF header|file too short/,
      'npx lingering-close build',
    );
  });

  test.each([
    [
      'Windows',
      `Object.defineProperty(process, 'platform', { value: 'win32' })`,
      /there is no addon for win32/,
      'ERR_UNSUPPORTED_PLATFORM',
    ],
    [
      'FreeBSD',
      `Object.defineProperty(process, 'platform', { value: 'freebsd' })`,
      /there is no addon for freebsd/,
      'ERR_UNSUPPORTED_PLATFORM',
    ],
    [
      'Deno',
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, deno: '2.0.0' } })`,
      /Deno does not give addons the event loop/,
      'number',
    ],
    [
      'Bun',
      `Object.defineProperty(process, 'versions', { value: { ...process.versions, bun: '1.0.0' } })`,
      /Bun does not give/,
      'number',
    ],
  ])('%s: the addon never exists there, so there is no warning', (_name, prepare, reason, counters) => {
    const said = runAbsent([], [prepare]);
    expect(said.engine).toBe('streams');
    expect(said.warnings).toEqual([]);
    expect(said.stderr).toBe('');
    expect(Object.keys(said.errors)).toEqual(NEED_THE_ADDON);
    for (const error of Object.values(said.errors)) {
      expect(error).toMatchObject({
        type: 'Error',
        code: 'ERR_UNSUPPORTED_PLATFORM',
        message: expect.stringMatching(reason),
      });
    }
    expect(said.works).toMatchObject({ safeClose: 'closed', tcpAbortCounters: counters });
  });
});

test('every outcome and every stage has the same number on both sides', () => {
  const source = readFileSync(join(root, 'src-native/lingering_socket.h'), 'utf8');
  const typed = readFileSync(join(root, 'src/system/addon.ts'), 'utf8');
  const kebab = (name: string) =>
    name
      .replace(/^k/, '')
      .replace(/(?<=.)[A-Z]/g, '-$&')
      .toLowerCase();
  const enumerated = (name: string) =>
    source
      .match(new RegExp(`enum class ${name} \\{([^}]*)\\}`))?.[1]
      ?.split(',')
      .map((word) => kebab(word.trim().split(' ')[0] as string));
  const listed = (name: string) =>
    [...(typed.match(new RegExp(`const ${name} = \\[([^\\]]*)\\]`))?.[1] ?? '').matchAll(/'([^']*)'/g)].map(
      ([, word]) => word,
    );
  expect(enumerated('Outcome')).toEqual(listed('OUTCOMES'));
  expect(enumerated('Until')).toEqual(listed('UNTIL'));
  expect(listed('OUTCOMES')).toHaveLength(12);
});
