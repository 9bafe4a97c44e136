// README.md and docs/api.md keep their word: every example compiles and does what it says, and every export, option,
// default, outcome and variable is described.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { OUTCOMES } from '../../src/system/addon.ts';
import { type Example, ExampleFolder, examplesOf } from '../support/documentation.ts';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const api = readFileSync(join(root, 'docs/api.md'), 'utf8');

const examples = ['README.md', 'docs/api.md'].flatMap(examplesOf);
const folder = new ExampleFolder(examples, ['@types']);
const fileOf = (name: string | undefined) => folder.fileOf(name);
afterAll(() => folder[Symbol.dispose]());

/** Runs an example on a connected `socket`, to its end. The example must print what it promises. */
async function runOnSocket(
  { name, promised }: Example,
  prepare: (peer: Peer) => Promise<unknown>,
  check?: (peer: Peer) => Promise<unknown>,
): Promise<void> {
  await using run = new Program(fileOf(name), { preload: 'docs/example-socket' });
  await using peer = await Peer.connect({ host: '127.0.0.1', port: await run.port() });
  await prepare(peer);
  run.send('go');
  expect(await run.exit).toEqual({ code: 0, signal: null });
  expect(run).toMatchObject({ stdout: linesOf(promised), stderr: '' });
  await check?.(peer);
}

async function upload20(program: Program): Promise<void> {
  await using run = program;
  const port = await run.port();
  for (let i = 0; i < 20; i++)
    expect(await upload(port, 5_000_000)).toEqual({ status: 413, body: 'At most 1 MB, please.\n' });
  expect(await upload(port, 1_000)).toEqual({ status: 200, body: 'x'.repeat(1_000) });
}

function linesOf(promised: string[]): string {
  return promised.map((line) => `${line}\n`).join('');
}

function upload(port: number, bytes: number): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const upload = request(
      { port, host: '127.0.0.1', method: 'POST', headers: { 'content-length': bytes } },
      async (response) => {
        let body = '';
        for await (const chunk of response.setEncoding('latin1')) body += chunk;
        resolve({ status: response.statusCode, body });
      },
    );
    upload.on('error', reject);
    upload.end(Buffer.alloc(bytes, 'x'));
  });
}

const proofs: Record<string, (example: Example) => Promise<void>> = {
  'http-server': ({ name }) => upload20(new Program(fileOf(name), { preload: 'docs/example-server' })),

  async shutdown({ name, promised }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-server' });
    await using peer = await Peer.connect({ host: '127.0.0.1', port: await run.port() });
    await peer.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n');
    await peer.send(1_000);
    // The request is in flight.
    await peer.receive(1_000);
    await run.stopListening('SIGTERM');
    await peer.send(1_999_000);
    expect(await peer.receive()).toMatchObject({ tail: expect.stringMatching(/x\r\n0\r\n\r\n$/), end: 'eof' });
    await peer.close();
    expect(await run.exit).toEqual({ code: 0, signal: null });
    expect(run).toMatchObject({ stdout: linesOf(promised), stderr: '' });
  },

  async 'linger-on-close'({ name, promised }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-server' });
    const address = { host: '127.0.0.1', port: await run.port() };
    await using peer = await Peer.connect(address);
    for (let i = 0; i < 3; i++) {
      if (i > 0) await peer.reconnect(address);
      expect(await peer.send(3_000_000)).toEqual({ sent: 3_000_000 });
      expect(await peer.receive()).toMatchObject({ tail: 'Not now.\n', end: 'eof' });
      if (i < 2) await peer.close();
    }
    // The output changes with each connection whose end has been noticed.
    for (let lines = 1, last: string | undefined; last !== promised[0]; lines++) {
      run.process.kill('SIGUSR2');
      last = (await run.lines(lines)).at(-1);
    }
  },

  async 'close-server'({ name, promised }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-server' });
    const address = { host: '127.0.0.1', port: await run.port() };
    await using first = await Peer.connect(address);
    await using second = await Peer.connect(address);
    for (const peer of [first, second]) await peer.receive('Hello.\n'.length);
    run.process.kill('SIGTERM');
    for (const peer of [first, second]) {
      expect(await peer.receive()).toMatchObject({ tail: 'Goodbye.\n', end: 'eof' });
      await peer.close();
    }
    expect(await run.lines(1)).toEqual(promised);
  },

  async 'close-servers'({ name, promised }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-server' });
    await run.port();
    run.process.kill('SIGTERM');
    expect(await run.lines(1)).toEqual(promised);
  },

  async 'net-server'({ name, promised }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-server' });
    await using peer = await Peer.connect({ host: '127.0.0.1', port: await run.port() });
    expect(await peer.send(3_000_000)).toEqual({ sent: 3_000_000 });
    const received = await peer.receive();
    expect(received).toMatchObject({ tail: 'One line would have been enough.\n', end: 'eof' });
    await peer.close();
    expect(await run.lines(1)).toEqual(promised);
  },

  'safe-close': (example) =>
    runOnSocket(example, async (peer) => {
      await peer.send(5);
      await peer.shutdown();
    }),

  async 'defer-write-error'({ name, code, promised }) {
    // Node as it is: it answers early and resets.
    await using server = new Fixture<{ port: number }>('server/register-servers', { args: ['http'] });
    const { port } = await server.next();
    const file = fileOf(`${name}-to-a-server`);
    writeFileSync(file, code.replace('8080', String(port)));
    for (let i = 0; i < 20; i++) {
      await using run = new Program(file);
      await run.exit;
      expect(run).toMatchObject({ stdout: linesOf(promised), stderr: '' });
    }
  },

  linger: (example) =>
    runOnSocket(
      example,
      async () => {},
      async (peer) => expect(await peer.receive()).toMatchObject({ received: 0, end: 'eof' }),
    ),

  'pending-bytes': (example) => runOnSocket(example, (peer) => peer.send(5)),

  async 'unacked-bytes'({ name }) {
    await using run = new Program(fileOf(name), { preload: 'docs/example-socket' });
    await using peer = await Peer.connect({ host: '127.0.0.1', port: await run.port() });
    run.send('go');
    expect((await run.lines(1))[0]).toMatch(/^\d+ bytes are on their way$/);
    expect(await peer.receive()).toMatchObject({ tail: 'the last words', end: 'eof' });
  },

  // After the example Node closes the idle socket, because the peer has half-closed.
  send: (example) =>
    runOnSocket(
      example,
      (peer) => peer.shutdown(),
      async (peer) => expect(await peer.receive()).toMatchObject({ tail: 'bye\n' }),
    ),

  async sigpipe({ name, promised }) {
    await using run = new Program(fileOf(name));
    await run.exit;
    expect(run.stdout).toBe(linesOf(promised));
  },

  async cat({ name }) {
    const log = join(folder.path, 'big.log');
    writeFileSync(log, 'one line\n'.repeat(1_000_000));
    const script = `"$0" "$1" "$2" | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, fileOf(name), log], {
      encoding: 'utf8',
    });
    expect({ stdout, stderr }).toEqual({ stdout: 'one line\n141\n', stderr: '' });
  },

  errors: (example) => runOnSocket(example, (peer) => peer.reset()),

  async engine({ name, promised }) {
    await using run = new Program(fileOf(name));
    await run.exit;
    expect(run.stdout).toBe(linesOf(promised));
  },

  async counters({ name }) {
    await using run = new Program(fileOf(name));
    await run.exit;
    expect(run.stdout).toMatch(/^closed with unread data: \d+, data after close or SO_LINGER 0: \d+\n$/);
  },
};

describe('the examples of README.md and docs/api.md', () => {
  test('have names, and a proof each', () => {
    expect(examples.map(({ name }) => name)).toEqual(Object.keys(proofs));
  });

  test('compile in strict mode', () => {
    writeFileSync(join(folder.path, 'socket.d.ts'), "declare const socket: import('node:net').Socket;\n");
    const compilerOptions = {
      target: 'es2023',
      module: 'nodenext',
      types: ['node'],
      strict: true,
      allowJs: true,
      checkJs: true,
      noEmit: true,
    };
    writeFileSync(
      join(folder.path, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, include: ['*.mjs', 'socket.d.ts'] }),
    );
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder.path, '--listFilesOnly'], {
      encoding: 'utf8',
    });
    expect({ status, checked: examples.filter(({ name }) => stdout.includes(fileOf(name))).length }).toEqual({
      status: 0,
      checked: examples.length,
    });
    expect(spawnSync(process.execPath, [tsc, '-p', folder.path], { encoding: 'utf8' })).toMatchObject({
      stdout: '',
      status: 0,
    });
  });

  test('the line is not needed where register is preloaded', async () => {
    const { code = '' } = examples.find(({ name }) => name === 'http-server') ?? {};
    const file = fileOf('http-server-without');
    writeFileSync(file, code.replaceAll(/^.*lingerOnClose.*$/gm, ''));
    expect(readFileSync(file, 'utf8')).not.toContain('lingering-close');
    const execArgv = ['--import', 'lingering-close/register'];
    await upload20(new Program(file, { preload: 'docs/example-server', execArgv, cwd: folder.path }));
  });

  test('NODE_OPTIONS finds register from another folder, as exported in the folder of the project', () => {
    const [line = ''] = /^export NODE_OPTIONS=.*$/m.exec(api) ?? [];
    const subscribed = "require('diagnostics_channel').channel('net.server.socket').hasSubscribers";
    const script = `${line}; cd / && exec "$0" -p "${subscribed}"`;
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, NODE_OPTIONS: '' };
    const options = { cwd: folder.path, env, encoding: 'utf8' } as const;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath], options);
    expect({ stdout, stderr }).toEqual({ stdout: 'true\n', stderr: '' });
  });

  for (const example of examples) {
    test(`${example.name} does what it says`, () => proofs[example.name as string]?.(example));
  }
});

describe('docs/api.md', () => {
  const index = readFileSync(join(root, 'src/index.ts'), 'utf8');
  const exported = [...index.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap(([, allTypes, names = '']) =>
    names.split(',').map((name) => ({
      name: name.trim().replace(/^type /, ''),
      isType: allTypes !== undefined || name.includes('type '),
    })),
  );
  const values = exported.filter(({ isType }) => !isType).map(({ name }) => name);

  test('knows every export', async () => {
    // The list from the source is complete.
    expect(values.toSorted()).toEqual(Object.keys(await import('../../src/index.ts')).toSorted());
    for (const { name } of exported) expect(api).toContain(`\`${name}`);
  });

  test.each(values)('has a section and an example for %s', (name) => {
    expect(api).toMatch(new RegExp(`^## .*\`${name}[\`(]`, 'm'));
    expect(
      examples.some(({ code }) => new RegExp(`import \\{[^}]*\\b${name}\\b[^}]*\\} from 'lingering-close'`).test(code)),
    ).toBe(true);
  });

  test.each(OUTCOMES)("says when a close ends with outcome '%s'", (outcome) => {
    expect(api).toMatch(new RegExp(`^\\| .*\`'${outcome}'\``, 'm'));
  });

  test.each([
    ['SafeCloseOptions', 'close/safe-close-options'],
    ['LingerOnCloseOptions', 'server/linger-on-close-options'],
    ['CloseServerOptions', 'shutdown/close-server-options'],
    ['CloseServersOptions', 'shutdown/close-servers-options'],
    ['CloseOnSignalOptions', 'shutdown/close-on-signal-options'],
    ['DeferWriteErrorOptions', 'client/defer-write-error-options'],
  ])('names every option of %s with its default', (type, file) => {
    const source = readFileSync(join(root, `src/${file}.ts`), 'utf8');
    // Each of the two layers of options has a line.
    const defaults = [...source.matchAll(/const \{([^}]*)\} = options(?: \?\? \{\})?;/g)]
      .map(([, names = '']) => names)
      .join();
    const options = defaults
      .split(',')
      .map((option) => option.trim())
      .filter(Boolean)
      .map((option) => option.split(' = '));
    expect(options.length).toBeGreaterThan(type === 'DeferWriteErrorOptions' ? 0 : 2);
    const table = api.slice(api.indexOf(`| \`${type}\` |`)).split('\n\n')[0] as string;
    for (const [name, value = 'none'] of options) {
      const [, documented = 'missing'] = table.match(new RegExp(`^\\| \`${name}\` \\| (.*?) \\|`, 'm')) ?? [];
      expect({ name, value: documented.replaceAll('`', '') }).toEqual({ name, value: DEPENDS[value] ?? value });
    }
  });

  test.each([
    ['LingeringServer', 'server/linger-on-close'],
    ['LingerTotals', 'close/linger-set'],
    ['ServerCloseReport', 'shutdown/server-close-report'],
    ['ServersCloseReport', 'shutdown/servers-close-report'],
    ['CloseReport', 'close/close-report'],
  ])('knows every field of %s', (type, file) => {
    const source = readFileSync(join(root, `src/${file}.ts`), 'utf8');
    const [, body = ''] = source.match(new RegExp(`export interface ${type} [^{]*\\{\\n(.*?)\\n\\}`, 's')) ?? [];
    const fields = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?(]?.*[;]$/gm)].map(([, name = '']) => name);
    expect(fields.length).toBeGreaterThan(2);
    for (const name of fields) expect(api).toMatch(new RegExp(`\`${name}(\\(\\))?\``));
  });

  test('names every variable of register', () => {
    const source = readFileSync(join(root, 'src/server/environment.ts'), 'utf8');
    const names = [...source.matchAll(/^ {2}\['([A-Z_]+)', /gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThan(7);
    for (const name of names) expect(api).toMatch(new RegExp(`^\\| .*\`LINGERING_CLOSE_${name}\``, 'm'));
  });
});

describe('docs/stability.md', () => {
  const page = readFileSync(join(root, 'docs/stability.md'), 'utf8');
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const found = (pattern: RegExp) =>
    new Set(sources.flatMap((file) => readFileSync(join(root, 'src', file), 'utf8').match(pattern) ?? []));
  const { exports, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

  test.each([
    [
      'entry',
      Object.keys(exports).flatMap((name) =>
        name.endsWith('.json') ? [] : name.replace('.', Object.keys(bin)[0] as string),
      ),
    ],
    ['outcome', OUTCOMES.map((outcome) => `'${outcome}'`)],
    ['channel', [...found(/(?<=diagnostics\.channel\(')lingering-close:[\w-]+/g)]],
    ['code of a warning, or variable', [...found(/(?<=')LINGERING_CLOSE_[A-Z]+(?=')/g)]],
  ])('names every %s', (_kind, names) => {
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) expect(page).toContain(`\`${name}\``);
  });
});

/** A default that differs between options of one name. */
const DEPENDS: Record<string, string> = {
  SIGNALS: 'SIGTERM, SIGINT',
  'defaultMaxLingering()': '1_000, or a quarter of the open-file limit where that is less',
  defaultWhen: "'needed'; 'always' for net and tls",
  defaultRef: 'true; for a server see below',
};
