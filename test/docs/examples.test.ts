// The examples do what they promise: each runs as its reader would run it, with clients in processes of their own.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { enterNetns } from '../support/enter-netns.ts';
import { Fixture } from '../support/fixture.ts';
import { netns, netnsPermitted, resetsWithReasonsIn } from '../support/netns.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { root } from '../support/project.ts';

const MB = 1 << 20;
const KB = 1 << 10;
const fileOf = (name: string) => join(root, `examples/${name}.mjs`);
const UPLOAD = fileURLToPath(new URL('../clients/upload.py', import.meta.url));
const PEM = fileURLToPath(new URL('../fixtures/localhost.pem', import.meta.url));
const COUNTED = netnsPermitted()
  ? ', and the kernel has sent no RST'
  : ' [RST not counted: network namespaces are not permitted here]';

/** An example that listens, in a network namespace of its own. */
class Server implements AsyncDisposable {
  readonly program: Program;
  #url!: URL;
  readonly #peers: Peer[] = [];

  static async start(name: string, env: Record<string, string> = {}): Promise<Server> {
    const server = new Server(name, env);
    const [url = ''] = await server.program.lines(1);
    server.#url = new URL(url);
    return server;
  }

  private constructor(name: string, env: Record<string, string>) {
    const prefix = netnsPermitted() ? netns() : [];
    this.program = new Program(fileOf(name), { prefix, env: { PORT: '0', KEY: PEM, CERT: PEM, ...env } });
  }

  get url(): string {
    return `${this.#url.protocol}//127.0.0.1:${this.#url.port}/`;
  }

  get prefix(): string[] {
    return netnsPermitted() ? enterNetns(this.program.pid) : [];
  }

  async connect(options: { tls?: boolean } = {}): Promise<Peer> {
    const peer = await Peer.connect(this.#address, { ...options, prefix: this.prefix });
    this.#peers.push(peer);
    return peer;
  }

  async reconnect(peer: Peer, options: { tls?: boolean } = {}): Promise<void> {
    await peer.close();
    await peer.reconnect(this.#address, options);
  }

  get #address() {
    return { host: '127.0.0.1', port: Number(this.#url.port) };
  }

  /** Uploads 5 MB `count` times with Python's http.client: what each upload got. */
  async uploads(count: number): Promise<string[]> {
    const [command = '', ...args] = [...this.prefix, 'python3', UPLOAD, this.url, String(count)];
    const client = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    client.stdout.on('data', (chunk) => {
      output += chunk;
    });
    await once(client, 'close');
    return output.trim().split('\n');
  }

  /** `pid`: a process in the server's namespace. The server itself may have ended. */
  expectNoReset(pid = this.program.pid): void {
    if (netnsPermitted()) expect(resetsWithReasonsIn(pid)).toEqual({ resets: 0 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.program[Symbol.asyncDispose](), ...this.#peers.map((peer) => peer.kill())]);
  }
}

const post = (length: number) => `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;

describe.each(['http', 'express', 'fastify'])('%s', (name) => {
  let server: Server;
  let peer: Peer;
  beforeAll(async () => {
    server = await Server.start(name);
    peer = await server.connect();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test(`20 of 20 uploads that are too large get their 413${COUNTED}`, async () => {
    const [first = '', ...others] = await server.uploads(20);
    expect(first).toMatch(/^413 [1-9]/);
    expect(others).toEqual(Array(19).fill(first));
    server.expectNoReset();
  });

  test('an upload that is not too large is accepted', async () => {
    await server.reconnect(peer);
    await peer.write(
      post(1_000).replace('\r\n\r\n', '\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n'),
    );
    await peer.send(1_000);
    expect((await peer.receive()).tail).toContain('1000 bytes received.\n');
  });

  test('a chunked upload is measured too', async () => {
    await server.reconnect(peer);
    const head = [
      'POST / HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/octet-stream',
      'Connection: close',
      'Transfer-Encoding: chunked',
      '\r\n',
    ].join('\r\n');
    await peer.write(`${head}200000\r\n`);
    await peer.send(2 * MB);
    await peer.write('\r\n0\r\n\r\n');
    const { received, tail, end } = await peer.receive();
    expect({ received, end }).toEqual({ received: expect.any(Number), end: 'eof' });
    expect(received).toBeGreaterThan(100);
    expect(tail).not.toContain('bytes received');
  });
});

test(`https: 20 of 20 uploads without a token get their 401${COUNTED}`, async () => {
  await using server = await Server.start('https');
  const peer = await server.connect({ tls: true });
  for (let i = 0; i < 20; i++) {
    if (i > 0) await server.reconnect(peer, { tls: true });
    await peer.write(post(5 * MB));
    expect(await peer.send(5 * MB)).toEqual({ sent: 5 * MB });
    expect(await peer.receive()).toMatchObject({ tail: expect.stringMatching(/Who are you\?\n/), end: 'eof' });
  }
  await server.reconnect(peer, { tls: true });
  await peer.write(post(10).replace('\r\n\r\n', '\r\nAuthorization: Bearer secret\r\nConnection: close\r\n\r\n'));
  await peer.send(10);
  expect((await peer.receive()).tail).toContain('10 bytes received.\n');
  server.expectNoReset();
});

test(`http2: on SIGTERM an open stream finishes, and then the process ends${COUNTED}`, async () => {
  await using server = await Server.start('http2');
  // This process stays in the namespace when the server has gone.
  const witness = await server.connect();
  await witness.close();
  await using client = new Fixture('docs/examples-http2-client', {
    args: [server.url, String(2 * MB)],
    prefix: server.prefix,
  });
  expect(await client.next()).toEqual({ half: true });
  server.program.process.kill('SIGTERM');
  // NO_ERROR.
  expect(await client.next()).toEqual({ code: 0, received: 2 * MB });
  expect(await client.exit).toEqual({ code: 0, signal: null });
  expect(await server.program.exit).toEqual({ code: 0, signal: null });
  expect(server.program).toMatchObject({
    stdout: expect.stringMatching(/\nclosed: 1 finished, 0 cut off\n$/),
    stderr: '',
  });
  server.expectNoReset(witness.pid);
});

describe('tcp', () => {
  let server: Server;
  beforeAll(async () => {
    server = await Server.start('tcp');
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    [1, 'quits', 'hello\nquit\n', '5\nGoodbye.\n'],
    [2, 'sends a line without end', 'hello\n', '5\nA line has 1000 characters at most.\n'],
  ])(`the last word reaches peer %i, who %s, and goes on sending${COUNTED}`, async (number, _, words, answer) => {
    const peer = await server.connect();
    await peer.write(words);
    expect(await peer.send(8 * MB)).toEqual({ sent: 8 * MB });
    expect(await peer.receive()).toEqual({ received: answer.length, tail: answer, end: 'eof' });
    await peer.close();
    const line = (await server.program.lines(1 + number)).at(-1) ?? '';
    const [, lastWord, discarded] = line.match(/^(.*) \(eof, (\d+) bytes discarded\)$/) ?? [];
    expect(answer).toContain(lastWord);
    expect(Number(discarded)).toBeGreaterThan(7 * MB);
    server.expectNoReset();
  });
});

describe('cli', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    writeFileSync(join(folder, 'big.log'), 'one line\n'.repeat(100_000));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const bash = (pipeline: string) =>
    spawnSync(
      'bash',
      ['-c', `${pipeline}; echo "$\{PIPESTATUS[@]}"`, process.execPath, fileOf('cli'), join(folder, 'big.log')],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    );

  test.each([`"$0" "$1" "$2" | head -2`, `"$0" "$1" <"$2" | head -2`])('%s ends it without a message', (pipeline) => {
    expect(bash(pipeline)).toMatchObject({ stdout: '1\tone line\n2\tone line\n141 0\n', stderr: '' });
  });

  test('a reader that takes everything', () => {
    expect(bash(`"$0" "$1" "$2" | tail -1`)).toMatchObject({ stdout: '100000\tone line\n0 0\n', stderr: '' });
  });

  test('a file that is not there', () => {
    expect(bash(`"$0" "$1" /nowhere`)).toMatchObject({
      stdout: '1\n',
      stderr: expect.stringMatching(/^ENOENT: [^\n]*\n$/),
    });
  });
});

describe('kubernetes', () => {
  const ready = async (server: Server, peer: Peer) => {
    await server.reconnect(peer);
    await peer.write('GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    return (await peer.receive()).tail;
  };

  test(`on SIGTERM every client is answered, and the process exits with 0${COUNTED}`, async () => {
    // Much longer than what is done in that time: the server listens until then. Also far from the 6 s after which Node
    // itself closes an idle connection.
    await using server = await Server.start('kubernetes', { DRAIN_DELAY: '3000' });
    const [slow, idle, probe] = (await Promise.all([1, 2, 3].map(() => server.connect()))) as [Peer, Peer, Peer];
    await slow.write(post(5 * MB));
    await slow.send(2 * MB);
    expect(await ready(server, probe)).toContain('ready\n');
    await idle.write(post(10));
    await idle.send(10);
    expect((await idle.receive(100)).received).toBe(100);

    server.program.process.kill('SIGTERM');
    while (!(await ready(server, probe)).includes('shutting down\n'));
    // The server still listens, for clients that do not know yet.
    await server.reconnect(probe);
    await probe.write(post(10));
    await probe.send(10);
    expect(await probe.receive()).toMatchObject({ tail: expect.stringContaining('10 bytes received.\n'), end: 'eof' });
    await probe.close();
    expect(await idle.receive()).toMatchObject({ tail: expect.stringContaining('10 bytes received.\n'), end: 'eof' });
    await idle.close();
    // Now no new client is accepted.
    expect(await slow.send(3 * MB)).toEqual({ sent: 3 * MB });
    expect(await slow.receive()).toMatchObject({
      tail: expect.stringContaining(`${5 * MB} bytes received.\n`),
      end: 'eof',
    });
    await slow.close();

    expect(await server.program.exit).toEqual({ code: 0, signal: null });
    expect(server.program.stdout).toMatch(/\nclosed: 1 idle, \d finished, 0 cut off\n$/);
    expect(server.program.stderr).toBe('');
    server.expectNoReset(slow.pid);
  });

  test('a second SIGTERM ends the process at once', async () => {
    await using server = await Server.start('kubernetes', { DRAIN_DELAY: '100000' });
    const [slow, probe] = (await Promise.all([1, 2].map(() => server.connect()))) as [Peer, Peer];
    await slow.write(post(5 * MB));
    await slow.send(64 * KB);
    server.program.process.kill('SIGTERM');
    while (!(await ready(server, probe)).includes('shutting down\n'));
    server.program.process.kill('SIGTERM');
    expect(await slow.untilBroken()).toBe('ECONNRESET');
    expect(await server.program.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });
});

test('each example has a test', () => {
  const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
  const names = readdirSync(join(root, 'examples')).map((name) => name.replace(/\.mjs$/, ''));
  expect(names.length).toBeGreaterThan(7);
  expect(names.filter((name) => !source.includes(`'${name}'`) && !source.includes(`test(\`${name}: `))).toEqual([]);
});
