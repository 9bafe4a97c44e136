import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { adviceOn, type Findings } from '../../src/cli/doctor-advice.ts';
import type { NodeProcess } from '../../src/cli/doctor-processes.ts';
import { uploadLines } from '../../src/cli/upload-lines.ts';
import type { TcpAbortCounters } from '../../src/system/counters.ts';
import { ExampleFolder } from '../support/documentation.ts';
import { NETNS_SKIPPED, netns, netnsPermitted } from '../support/netns.ts';
import { PREBUILT_SKIPPED, platform, prebuilt, root } from '../support/project.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const NODE_CLIENT = fileURLToPath(new URL('../../dist/cli/demo-node-client.js', import.meta.url));
const BROKEN_CURL = fileURLToPath(new URL('../fixtures/cli/cli-broken-curl', import.meta.url));

interface Options {
  /** Flags for node. */
  execArgv?: string[];
  /** A command before node. */
  prefix?: string[];
  env?: Record<string, string>;
}

function start(args: string[], { execArgv = [], prefix = [], env = {} }: Options = {}) {
  const [command, ...rest] = [...prefix, process.execPath, ...execArgv, MAIN, ...args] as [string, ...string[]];
  // vitest sets NODE_OPTIONS for its own processes.
  const { NODE_OPTIONS, ...inherited } = process.env;
  return spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...inherited, ...env } });
}

async function run(args: string[], options?: Options) {
  const child = start(args, options);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk) => {
      output[name] += chunk;
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...output };
}

describe('usage', () => {
  test.each([[], ['--help'], ['-h']])('the command without a subcommand, %s', async (...args) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: lingering-close <command>/);
    for (const command of ['demo', 'doctor', '--help', '--version']) expect(stdout).toContain(`\n  ${command} `);
  });

  test.each([
    ['demo', '--uploads', '--json'],
    ['doctor', '--json', '--help'],
  ])('of %s names its options', async (command, ...options) => {
    const { code, stdout, stderr } = await run([command, '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: lingering-close ${command} `));
    for (const option of options) expect(stdout).toContain(`\n  ${option} `);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  test.each([['-v'], ['doctor', '-v'], ['doctor', '--version'], ['demo', '-v']])(
    '%s %s prints the version',
    async (...args) => {
      expect(await run(args)).toEqual(await run(['--version']));
    },
  );

  test('--version prints the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
    // No warning about the addon, which this command does not use.
    expect(await run(['--version'], { execArgv: ['--no-addons'] })).toEqual({
      code: 0,
      stdout: `${version}\n`,
      stderr: '',
    });
  });

  test.each([
    [['frobnicate'], "Unknown command 'frobnicate'"],
    [['constructor'], "Unknown command 'constructor'"],
    [[''], "Unknown command ''"],
    [['--frobnicate'], "Unknown option '--frobnicate'"],
    [['-x'], "Unknown option '-x'"],
    [['--version', 'demo'], "Unexpected argument 'demo'"],
    [['demo', '--frobnicate'], "Unknown option '--frobnicate'"],
    [['doctor', '--uploads', '3'], "Unknown option '--uploads'"],
    [['demo', 'now'], "Unexpected argument 'now'"],
    [['demo', '--json=yes'], "Option '--json' does not take an argument"],
    [['demo', '--uploads'], "'--uploads <value>' argument missing"],
    ...['0', '-1', '2.5', '1e3', '0x10', '', ' 5', '100001', 'many'].map((value) => [
      ['demo', `--uploads=${value}`],
      `Received '${value}'`,
    ]),
  ] as [string[], string][])('%j is an error', async (args, message) => {
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^lingering-close: /);
    expect(stderr).toContain(message);
    expect(stderr).toContain("Try 'lingering-close --help'");
  });

  test.skipIf(process.platform === 'win32')('when its reader is gone, SIGPIPE ends it without a message', async () => {
    const child = start(['doctor']);
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.stdout.destroy();
    expect(await once(child, 'close')).toEqual([null, 'SIGPIPE']);
    expect(stderr).toBe('');
  });
});

const SETTINGS = [
  'open_files',
  'maxLingering',
  'tcp_fin_timeout',
  'tcp_max_orphans',
  'tcp_orphan_retries',
  'tcp_retries2',
  'tcp_rmem_max',
  'tcp_wmem_max',
];
const COUNTERS = [
  'abortOnClose',
  'abortOnData',
  'abortOnLinger',
  'abortOnTimeout',
  'abortOnMemory',
  'abortFailed',
  'resetsSent',
];

describe('doctor', () => {
  test('has a line for everything, each with its meaning, in 100 columns', async () => {
    const { code, stdout, stderr } = await run(['doctor']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    const names = [
      'platform',
      'node',
      'addon',
      'engine',
      'sigpipe',
      ...SETTINGS.map((name) => name.replace(/_max$/, ' max')),
      ...COUNTERS,
    ];
    for (const name of names) {
      // Each line is indented, and its three columns are apart.
      expect(lines.filter((line) => new RegExp(`^ {3}${name} {3,}\\S.*? {3,}\\S`).test(line))).toHaveLength(1);
    }
    // A path cannot be wrapped.
    for (const line of lines.filter((line) => !line.includes('.node'))) expect(line.length).toBeLessThanOrEqual(100);
  });

  test.runIf(process.platform === 'linux')('reports the state as JSON', async () => {
    const { code, stdout, stderr } = await run(['doctor', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      platform: `linux-${process.arch}`,
      node: process.versions.node,
      engine: 'native',
      sigpipe: 'ignore',
    });
    expect(report.addon.loaded).toBe(true);
    expect(existsSync(report.addon.file)).toBe(true);
    expect(Object.keys(report.settings)).toEqual(SETTINGS);
    expect(Object.keys(report.counters)).toEqual(COUNTERS);
    const sysctl = (name: string) => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split('\t');
    expect(report.settings.tcp_fin_timeout).toBe(Number(sysctl('tcp_fin_timeout')[0]));
    expect(report.settings.tcp_rmem_max).toBe(Number(sysctl('tcp_rmem')[2]));
    for (const name of COUNTERS) expect(report.counters[name]).toBeGreaterThanOrEqual(0);
  });

  test.runIf(process.platform === 'linux')('reports the limit of descriptors', async () => {
    const { stdout } = await run(['doctor', '--json'], { prefix: ['sh', '-c', 'ulimit -n 321; exec "$@"', 'sh'] });
    const { settings, advice } = JSON.parse(stdout);
    expect(settings).toMatchObject({ open_files: { soft: 321, hard: 321 }, maxLingering: 80 });
    expect(advice).toContainEqual({
      about: 'open_files',
      advice: expect.stringMatching(/^Only 80 connections may linger at once\. Raise it/),
    });
  });

  test.each([
    ['7', 7],
    ['', expect.any(Number)],
    ['Infinity', 'Infinity'],
    ['many', null],
    ['1e3', null],
    ['-5', null],
  ])('reports LINGERING_CLOSE_MAX_LINGERING=%s', async (text, expected) => {
    const { stdout } = await run(['doctor', '--json'], { env: { LINGERING_CLOSE_MAX_LINGERING: text } });
    const { settings, unavailable } = JSON.parse(stdout);
    expect(settings.maxLingering).toEqual(expected);
    expect('maxLingering' in unavailable).toBe(expected === null);
  });

  test.runIf(process.platform === 'linux')('reports SIGPIPE as the process has it', async () => {
    const listen = "process.on('SIGPIPE', () => {})";
    const forget = "process.removeAllListeners('SIGPIPE')";
    const sigpipe = async (code: string) => {
      const execArgv = ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
      const { stdout } = await run(['doctor', '--json'], { execArgv });
      return JSON.parse(stdout).sigpipe;
    };
    expect(await sigpipe(listen)).toBe('handler');
    expect(await sigpipe(`${listen}; ${forget}`)).toBe('default');
  });

  test('without the addon it reports the rest, and the reason', async () => {
    const execArgv = ['--no-addons', '--disable-warning=LINGERING_CLOSE_FALLBACK'];
    const { code, stdout, stderr } = await run(['doctor'], { execArgv });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^ {3}addon +not loaded +not available here: \S/m);
    expect(stdout).toMatch(/^ {3}engine +streams +\S/m);
    expect(stdout).toMatch(/^ {3}sigpipe +- +not available here: \S/m);
    const report = JSON.parse((await run(['doctor', '--json'], { execArgv })).stdout);
    expect(report).toMatchObject({ engine: 'streams', sigpipe: null, addon: { loaded: false, file: null } });
    expect(report.addon.reason).toMatch(/addon/);
    expect(report.advice).toContainEqual({ about: 'addon', advice: expect.stringContaining('no --no-addons') });
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('What to do - addon: ');
    expect(report.unavailable).toHaveProperty('sigpipe');
    expect(Object.keys(report.settings)).toEqual(SETTINGS);
  });

  test.runIf(netnsPermitted())(`says what the kernel does not show${NETNS_SKIPPED}`, async () => {
    // The kernel has one tcp_max_orphans for all namespaces, and shows it only in the first network namespace.
    const { stdout } = await run(['doctor', '--json'], { prefix: netns() });
    const report = JSON.parse(stdout);
    expect(report.settings.tcp_max_orphans).toBeNull();
    expect(report.unavailable.tcp_max_orphans).toMatch(/^not available here: /);
    expect(report.counters.abortOnClose).toBe(0);
    expect(report.advice.filter(({ about }: { about: string }) => about in report.counters)).toEqual([]);
  });

  test.runIf(process.platform === 'linux')(
    'shows the end of what is too long for a line, and JSON all of it',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), `${'a-long-name-'.repeat(5)}`));
      const path = join(folder, 'socket');
      const server = createNetServer().listen(path);
      await once(server, 'listening');
      try {
        const { processes } = JSON.parse((await run(['doctor', '--json'])).stdout) as { processes: NodeProcess[] };
        expect(processes.find(({ pid }) => pid === process.pid)?.listens).toContain(path);
        const lines = (await run(['doctor'])).stdout.split('\n');
        expect(lines.filter((line) => line.includes(`${path.slice(-20)} `))).toHaveLength(1);
        expect(lines.filter((line) => line.length > 100 && !line.includes('.node'))).toEqual([]);
      } finally {
        server.close();
        rmSync(folder, { recursive: true });
      }
    },
  );

  test.runIf(process.platform === 'linux')('tells which processes linger, and what they hold', async () => {
    const script = `
      const server = require('node:http').createServer((request, response) => {
        response.writeHead(413, { Connection: 'close' }).end();
      });
      server.listen(0, '127.0.0.1', () => console.log(server.address().port));
    `;
    const env = { ...process.env, NODE_OPTIONS: '', LINGERING_CLOSE_MAX_LINGERING: '5' };
    using project = new ExampleFolder([], []);
    const serve = (...flags: string[]) =>
      spawn('sh', ['-c', 'ulimit -n 400; exec "$@"', 'sh', process.execPath, ...flags, '-e', script], {
        env,
        cwd: project.path,
      });
    const servers = [serve(), serve('--import', 'lingering-close/register')] as const;
    const ports = await Promise.all(servers.map(async ({ stdout }) => Number(await once(stdout, 'data'))));
    const [plain, lingering] = servers.map(({ pid }) => pid) as [number, number];
    // It does not close its side, so that its connection lingers.
    const client = connect({ port: ports[1] as number, host: '127.0.0.1', allowHalfOpen: true });
    try {
      client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000000\r\n\r\n12345');
      client.resume();
      await once(client, 'end');
      const { stdout } = await run(['doctor', '--json']);
      const { processes, advice, hiddenProcesses } = JSON.parse(stdout);
      const found = (pid: number) => processes.find((each: { pid: number }) => each.pid === pid);
      const limits = { openFiles: expect.any(Number), openFileLimit: 400, sigpipe: 'ignore' };
      expect(found(plain)).toEqual({
        pid: plain,
        parent: process.pid,
        // Not the code: an argument may be secret.
        command: 'node',
        listens: [`127.0.0.1:${ports[0]}`],
        addon: null,
        register: false,
        lingering: 0,
        maxLingering: 100,
        ...limits,
      });
      expect(found(lingering)).toEqual({
        pid: lingering,
        parent: process.pid,
        command: 'node',
        listens: [`127.0.0.1:${ports[1]}`],
        addon: expect.stringMatching(/lingering[-_]close\.node$/),
        register: true,
        lingering: 1,
        maxLingering: 5,
        ...limits,
      });
      const about = (pid: number) => advice.filter((each: { about: string }) => each.about === `process ${pid}`);
      expect(about(plain)).toEqual([
        { about: `process ${plain}`, advice: expect.stringContaining('--import lingering-close/register') },
      ]);
      expect(about(lingering)).toEqual([]);
      expect(hiddenProcesses).toBeGreaterThanOrEqual(0);
      const text = (await run(['doctor'])).stdout.replaceAll(/\s+/g, ' ');
      expect(text).toContain(` ${plain} 127.0.0.1:${ports[0]} node; no addon, no register`);
      expect(text).toMatch(new RegExp(` ${lingering} 127.0.0.1:${ports[1]} node; each HTTP server lingers`));
      expect(text).toContain('native; 1 of 5 linger; ');
    } finally {
      client.destroy();
      for (const server of servers) server.kill();
    }
  });
});

describe('a process of which the doctor has to read the names', () => {
  test.runIf(process.platform === 'linux' && prebuilt)(
    `files that are gone, spaces, letters beyond ASCII, and what a terminal obeys${PREBUILT_SKIPPED}`,
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'lingering-close é '));
      const copy = join(folder, 'node_modules/lingering-close');
      const addon = join('prebuilds', platform, 'lingering-close.node');
      for (const part of ['package.json', 'dist', addon]) {
        cpSync(join(root, part), join(copy, part), { recursive: true });
      }
      const program = join(folder, 'node');
      copyFileSync(process.execPath, program);
      const socket = join(folder, 'a socket');
      const script = join(folder, 'red \x1b[31m.mjs');
      writeFileSync(
        script,
        `import 'lingering-close';
        import net from 'node:net';
        net.createServer().listen(${JSON.stringify(socket)}, () => console.log('listens'));`,
      );
      const child = spawn(program, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        await once(child.stdout, 'data');
        rmSync(copy, { recursive: true });
        rmSync(program);
        const { stdout } = await run(['doctor', '--json']);
        const { processes, advice } = JSON.parse(stdout) as { processes: NodeProcess[]; advice: { about: string }[] };
        expect(processes.find(({ pid }) => pid === child.pid)).toMatchObject({
          command: `node ${script}`,
          listens: [socket],
          addon: join(copy, addon),
        });
        expect(advice.filter(({ about }) => about === `process ${child.pid}`)).toEqual([]);
        const text = (await run(['doctor'])).stdout;
        expect(text).toContain('?[31m.mjs');
        expect(text).not.toContain('\x1b');
      } finally {
        child.kill();
        rmSync(folder, { recursive: true });
      }
    },
  );
});

const OTHER_USER = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const canBeOther = process.getuid?.() === 0 && spawnSync(OTHER_USER[0] as string, ['--version']).status === 0;

describe('the doctor of another user', () => {
  const skipped = canBeOther ? '' : ' [skipped: it takes root and setpriv]';

  test.runIf(canBeOther)(`counts the processes that it may not look at${skipped}`, async () => {
    const program = [process.execPath, '-e', 'setInterval(() => {}, 1_000); console.log(1)'] as const;
    const child = spawn(program[0], program.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      await once(child.stdout, 'data');
      const { code, stdout, stderr } = await run(['doctor', '--json'], { prefix: OTHER_USER });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      const { processes, hiddenProcesses } = JSON.parse(stdout) as {
        processes: NodeProcess[];
        hiddenProcesses: number;
      };
      expect(processes.map(({ pid }) => pid)).not.toContain(child.pid);
      expect(hiddenProcesses).toBeGreaterThan(0);
      const text = (await run(['doctor'], { prefix: OTHER_USER })).stdout;
      expect(text).toMatch(/^ {3}[1-9]\d* of other users are not shown: root sees them\.$/m);
    } finally {
      child.kill();
    }
  });
});

describe('the advice of the doctor', () => {
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as unknown as TcpAbortCounters;
  const healthy: Findings = {
    node: '20.19.0',
    unavailable: undefined,
    unused: undefined,
    sigpipe: 'ignore',
    openFiles: 4_000,
    maxLingering: 1_000,
    counters,
    processes: [],
  };
  const server: NodeProcess = {
    pid: 7,
    parent: 1,
    command: 'node app.js',
    listens: ['*:80'],
    addon: '/lingering-close.node',
    register: false,
    lingering: 0,
    maxLingering: 1_000,
    openFiles: 20,
    openFileLimit: 4_000,
    sigpipe: 'ignore',
  };
  const broken = { code: 'ERR_ADDON_UNAVAILABLE', reason: 'it is cut off. Build it', unexpected: true } as const;

  test('is none where all is as it should be', () => {
    expect(adviceOn({ ...healthy, processes: [server] })).toEqual([]);
    expect(adviceOn({ ...healthy, openFiles: Infinity, counters: undefined })).toEqual([]);
    const foreign = { code: 'ERR_UNSUPPORTED_PLATFORM', reason: 'no addon here', unexpected: false } as const;
    expect(adviceOn({ ...healthy, unavailable: foreign })).toEqual([]);
    // They grow where clients vanish, or close in the normal way.
    expect(adviceOn({ ...healthy, counters: { ...counters, abortOnTimeout: 5, resetsSent: 5 } })).toEqual([]);
    // Chosen by LINGERING_CLOSE_MAX_LINGERING, and not for want of descriptors.
    expect(adviceOn({ ...healthy, openFiles: 1_000, maxLingering: 10 })).toEqual([]);
    // The primary of a cluster listens, and its workers serve.
    const worker = { ...server, pid: 8, parent: 7, listens: [] };
    expect(adviceOn({ ...healthy, processes: [{ ...server, addon: null }, worker] })).toEqual([]);
  });

  test.each<[string, string, Partial<Findings>]>([
    ['node', '20.19', { node: '20.18.9' }],
    ['node', '20.19', { node: '18.20.0' }],
    ['addon', 'Build it.', { unavailable: broken }],
    ['sigpipe', "setSigpipe('ignore')", { sigpipe: 'default' }],
    ['engine', 'more descriptors', { unused: 'The loop could not be opened' }],
    ['open_files', 'Only 250', { openFiles: 1_000, maxLingering: 250 }],
    ['maxLingering', 'more than half', { maxLingering: 2_001 }],
    ['maxLingering', 'to an integer', { maxLingering: null }],
    ['abortOnClose', 'lingerOnClose', { counters: { ...counters, abortOnClose: 1 } }],
    ['abortOnData', 'lingerOnClose', { counters: { ...counters, abortOnData: 1 } }],
    ['abortOnMemory', 'tcp_mem', { counters: { ...counters, abortOnMemory: 1 } }],
    ['abortFailed', 'tcp_mem', { counters: { ...counters, abortFailed: 1 } }],
    ['process 7', '--import lingering-close/register', { processes: [{ ...server, addon: null }] }],
    ['process 7', 'register', { processes: [{ ...server, addon: null, lingering: 2_000 }] }],
    ['process 7', "setSigpipe('ignore')", { processes: [{ ...server, sigpipe: 'default' }] }],
    ['process 7', 'by streams', { processes: [{ ...server, addon: null, register: true }] }],
    ['process 7', 'Raise maxLingering', { processes: [{ ...server, lingering: 800 }] }],
    ['process 7', '3200 of 4000 files', { processes: [{ ...server, openFiles: 3_200 }] }],
    ['process 7', 'more than half', { processes: [{ ...server, maxLingering: 3_000 }] }],
  ])('on %s: %s', (about, part, findings) => {
    expect(adviceOn({ ...healthy, ...findings })).toEqual([{ about, advice: expect.stringContaining(part) }]);
  });
});

interface Tally {
  ok: number;
  errors: Record<string, number>;
}

interface DemoResult {
  clients: { name: string; missing?: true; before: Tally; after: Tally; registered?: Tally }[];
  resets: { before: number | null; after: number | null };
}

function isInstalled(command: string): boolean {
  return spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
}

describe('demo', () => {
  const COMPLETE = { ok: 3, errors: {} };

  test('as JSON: with lingerOnClose every client gets every 413', async () => {
    const { code, stdout, stderr } = await run(['demo', '--uploads', '3', '--json']);
    const { clients, resets }: DemoResult = JSON.parse(stdout);
    expect(clients.map(({ name }) => name)).toEqual(['fetch', 'http.request', 'curl', 'python3']);
    for (const { name, missing, before, after } of clients) {
      if (['curl', 'python3'].includes(name)) expect(missing).toBe(isInstalled(name) ? undefined : true);
      else expect(missing).toBeUndefined();
      if (missing) continue;
      expect(after).toEqual(COMPLETE);
      const failed = Object.values(before.errors).reduce((sum, times) => sum + times, 0);
      expect(before.ok + failed).toBe(3);
    }
    expect(code).toBe(0);
    expect(resets.before === null).toBe(process.platform !== 'linux');
    for (const { name, registered } of clients)
      expect(registered).toEqual(['curl', 'python3'].includes(name) ? undefined : COMPLETE);
    expect(stderr).toMatch(/^before {3}Node's fetch +\d of 3 got the 413$/m);
    expect(stderr).toMatch(/^after {4}Node's http.request +3 of 3 got the 413$/m);
    expect(stderr).toMatch(/^clients {2}Node's http.request +3 of 3 got the 413$/m);
  });

  test.runIf(netnsPermitted())(
    `the kernel counts resets without lingerOnClose, and none with it${NETNS_SKIPPED}`,
    async () => {
      const { code, stdout } = await run(['demo', '--uploads', '10', '--json'], { prefix: netns() });
      const { clients, resets }: DemoResult = JSON.parse(stdout);
      expect(code).toBe(0);
      expect(resets.before).toBeGreaterThan(0);
      expect(resets.after).toBe(0);
      // Each client that lost the answer was reset. A reset that comes late enough does no harm.
      const lost = clients.reduce((sum, { before }) => sum + (before ? 10 - before.ok : 0), 0);
      expect(resets.before).toBeGreaterThanOrEqual(lost);
    },
  );

  test.runIf(netnsPermitted())(`shows Node as it is, whatever NODE_OPTIONS preloads${NETNS_SKIPPED}`, async () => {
    using project = new ExampleFolder([], []);
    for (const entry of ['register', 'register-clients']) {
      const file = join(project.path, 'node_modules/lingering-close/dist', `${entry}.js`);
      const { stdout } = await run(['demo', '--uploads', '10', '--json'], {
        prefix: netns(),
        env: { NODE_OPTIONS: `--import "${file}" --no-deprecation` },
      });
      const { clients, resets }: DemoResult = JSON.parse(stdout);
      expect(resets.before).toBeGreaterThan(0);
      // Those of Node.
      expect(clients.slice(0, 2).some(({ before }) => before.ok < 10)).toBe(true);
    }
  });

  const [major = 0] = process.versions.node.split('.').map(Number);
  test.runIf(major >= 24)(
    `goes past a proxy that the environment names${major >= 24 ? '' : ' [skipped: it takes Node.js 24]'}`,
    async () => {
      const proxy = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: 'http://127.0.0.1:1', http_proxy: 'http://127.0.0.1:1' };
      const { code } = await run(['demo', '--uploads', '1'], { env: { ...proxy, PATH: '' } });
      expect(code).toBe(0);
    },
  );

  test('works through the streams engine too', async () => {
    const { code, stdout } = await run(['demo', '--uploads', '3', '--json'], {
      execArgv: ['--no-addons', '--disable-warning=LINGERING_CLOSE_FALLBACK'],
    });
    expect(code).toBe(0);
    for (const { missing, after, registered } of (JSON.parse(stdout) as DemoResult).clients) {
      if (missing) continue;
      expect(after).toEqual(COMPLETE);
      if (registered) expect(registered).toEqual(COMPLETE);
    }
  });

  test('prints a table, in which a client that is not installed has the note', async () => {
    const { code, stdout } = await run(['demo', '--uploads', '2'], { env: { PATH: '' } });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Node's fetch +\d of 2 +2 of 2\b/m);
    expect(stdout).toMatch(/^Node's http.request +\d of 2 +2 of 2\b/m);
    expect(stdout).toMatch(/^curl +not installed +not installed$/m);
    expect(stdout).toMatch(/^python3 +not installed +not installed$/m);
    expect(stdout).toMatch(
      process.platform === 'linux'
        ? /^connections reset +\d+ +\d+$/m
        : /^connections reset +not counted +not counted$/m,
    );
    expect(stdout).toContain('With lingerOnClose every client got every 413.');
    const [, clientsHalf = ''] = stdout.split('The other half: ');
    expect(clientsHalf).toMatch(/^Node's fetch +\d of 2 +2 of 2\b/m);
    expect(clientsHalf).toMatch(/^Node's http.request +\d of 2 +2 of 2\b/m);
    expect(clientsHalf).not.toContain('curl');
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
    const { stdout: json } = await run(['demo', '--uploads', '1', '--json'], { env: { PATH: '' } });
    expect(JSON.parse(json).clients.slice(2)).toEqual([
      { name: 'curl', missing: true },
      { name: 'python3', missing: true },
    ]);
  });

  test.skipIf(process.platform === 'win32')('exits with 1 if a client misses a 413 with lingerOnClose', async () => {
    const { code, stdout } = await run(['demo', '--uploads', '2'], { env: { PATH: BROKEN_CURL } });
    expect(code).toBe(1);
    expect(stdout).toMatch(/^curl 0\.0\.0 +0 of 2 +0 of 2 +curl exit 7 2; after: curl exit 7 2$/m);
    expect(stdout).toContain('With lingerOnClose 1 of the clients missed a 413.');
  });

  test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'leaves no process behind on %s',
    async (signal) => {
      const demo = start(['demo', '--uploads', '50', '--json'], { env: { PATH: '' } });
      // The first client has finished: the server and the second client are running.
      await once(demo.stderr, 'data');
      demo.kill(signal);
      // All processes have inherited stderr, so it closes with the last of them.
      expect(await once(demo, 'close')).toEqual([null, signal]);
    },
  );

  test.runIf(isInstalled('python3') && process.platform !== 'win32')('shows a live line on a terminal', async () => {
    const prefix = [
      'python3',
      '-c',
      'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))',
    ];
    const { code, stdout } = await run(['demo', '--uploads', '2'], { prefix });
    expect(code).toBe(0);
    for (const line of [
      "before   Node's fetch *  ━━━━━━━━╌╌╌╌╌╌╌╌  1 of 2, [01] got the 413",
      "after    Node's http.request *  ━━━━━━━━━━━━━━━━  2 of 2, 2 got the 413",
    ]) {
      expect(stdout).toMatch(new RegExp(`\r\x1b\\[K${line}\r\x1b\\[K`));
    }
  });
});

describe('the clients of the demo', () => {
  async function results(command: [string, ...string[]], count: number, silence: number): Promise<string[]> {
    const told: string[] = [];
    await uploadLines(command, count, silence, (result) => told.push(result));
    return told;
  }

  const program = (script: string): [string, ...string[]] => [process.execPath, '-e', script];
  const AMPLE = 30_000;

  test('a client that falls silent is ended, and counted as timeout', async () => {
    const script = `console.log('413'); setInterval(() => {}, 1_000_000)`;
    expect(await results(program(script), 3, 5_000)).toEqual(['413', 'timeout', 'timeout']);
  });

  test('a client that dies is counted as such', async () => {
    expect(await results(program(`console.log('413'); process.exit(1)`), 2, AMPLE)).toEqual(['413', 'client died']);
  });

  test('a client has no more results than uploads', async () => {
    expect(await results(program(`console.log('413\\n413')`), 1, AMPLE)).toEqual(['413']);
  });

  test.each(['fetch', 'http.request'])('%s gives up on a server that says nothing', async (name) => {
    const sockets: Socket[] = [];
    const server = createNetServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    try {
      expect(await results([process.execPath, NODE_CLIENT, name, url, '1', '5000000', '500'], 1, AMPLE)).toEqual([
        'timeout',
      ]);
    } finally {
      for (const socket of sockets) socket.destroy();
      server.close();
    }
  });

  const answers = {
    'half a 413': {
      head: 'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf',
      expected: /^(?!413)\S/,
    },
    'a 500': {
      head: 'HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno',
      expected: /^500$/,
    },
    'a 413': {
      head: 'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno',
      expected: /^413$/,
    },
  };

  test.each(Object.entries(answers))('every client understands %s', async (_, { head, expected }) => {
    const { findClients } = (await import(
      new URL('../../dist/cli/demo-clients.js', import.meta.url).href
    )) as typeof import('../../src/cli/demo-clients.ts');
    // Reads the whole upload, so that nothing is reset.
    const server = createServer((request) => request.resume().on('end', () => request.socket.end(head))).listen(
      0,
      '127.0.0.1',
    );
    await once(server, 'listening');
    const told: Record<string, string> = {};
    for (const { name, upload } of await findClients()) {
      await upload?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 1, (result) => {
        told[name] = result;
      });
    }
    server.close();
    expect(Object.keys(told)).toEqual(expect.arrayContaining(['fetch', 'http.request']));
    for (const result of Object.values(told)) expect(result).toMatch(expected);
  });
});
