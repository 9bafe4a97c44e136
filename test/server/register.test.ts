// node --import lingering-close/register: every server lingers, the application sees the same events, and a bad
// variable stops the process at its start.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { post, UPGRADE } from '../support/http-text.ts';
import { Peer } from '../support/peer.ts';
import { PeerPool } from '../support/peer-pool.ts';
import { root } from '../support/project.ts';
import { Remote } from '../support/remote.ts';
import { run } from '../support/run.ts';
import { KB, MB } from '../support/safe-close-host.ts';

const REGISTER = ['--import', 'lingering-close/register'];

interface ServeOptions {
  kind?: 'http' | 'https';
  options?: object;
  properties?: object;
  upgrade?: 'destroy' | 'end' | 'echo';
  clientError?: true;
}

/** The application of register-events.mjs, and its clients. */
class Application extends Remote {
  readonly #peers = new PeerPool();
  #port = 0;
  #tls = false;

  static async start(execArgv: string[]): Promise<Application> {
    const application = new Application('server/register-events', { execArgv });
    await application.ready();
    return application;
  }

  async serve(options: ServeOptions): Promise<void> {
    this.#tls = options.kind === 'https';
    this.#port = await this.call('serve', { kind: 'http', ...options });
  }

  connect(): Promise<Peer> {
    return this.#peers.connect({ host: '127.0.0.1', port: this.#port }, { tls: this.#tls });
  }

  release(peer: Peer): Promise<void> {
    return this.#peers.release(peer);
  }

  /** Waits for a line of the log. */
  async until(line: string, times = 1): Promise<void> {
    expect(await this.call('until', { line, times })).toBeUndefined();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([super[Symbol.asyncDispose](), this.#peers[Symbol.asyncDispose]()]);
  }
}

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`;
const upload = (path: string, bytes = 1_000) => post(bytes).replace('POST /', `POST ${path}`);

type Scenario = [name: string, options: ServeOptions, visit: (application: Application) => Promise<void>];

/** One client that sends something, reads to the end, and closes. */
function simple(text: string): Scenario[2] {
  return async (application) => {
    const peer = await application.connect();
    await peer.write(text);
    await peer.receive();
    await application.until('socket close');
    await application.release(peer);
  };
}

const SCENARIOS: Scenario[] = [
  [
    'keep-alive, and the client closes',
    {},
    async (application) => {
      const peer = await application.connect();
      for (let i = 1; i <= 3; i++) {
        await peer.write(get('/ok'));
        await application.until('response close', i);
      }
      await application.release(peer);
      await application.until('socket close');
    },
  ],
  ['Connection: close from the client', {}, simple(get('/ok', 'Connection: close\r\n'))],
  ['Connection: close from the server', {}, simple(get('/close'))],
  ['Connection: close from the server, https', { kind: 'https' }, simple(get('/close'))],
  ['an early 413', {}, simple(`${upload('/early')}some`)],
  ['an early 413, https', { kind: 'https' }, simple(`${upload('/early')}some`)],
  ['two pipelined requests, the first of which closes', {}, simple(get('/close') + get('/ok'))],
  ['an answer, and request.destroy()', {}, simple(`${upload('/destroy')}some`)],
  ['for await, break', {}, simple(`${upload('/break')}some`)],
  ['Expect: 100-continue', {}, simple(upload('/close').replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n'))],
  ['a request that cannot be parsed', {}, simple('no request\r\n\r\n')],
  ['a request that cannot be parsed, https', { kind: 'https' }, simple('no request\r\n\r\n')],
  ['a second request that cannot be parsed', {}, simple(`${get('/ok')}no request\r\n\r\n`)],
  ['a head that is too long', {}, simple(`GET / HTTP/1.1\r\nLong: ${'h'.repeat(17 * KB)}`)],
  [
    "a 'clientError' listener",
    { clientError: true },
    async (application) => {
      const peer = await application.connect();
      await peer.write('no request\r\n\r\n');
      await peer.receive();
      await application.release(peer);
      await application.until('socket close');
    },
  ],
  [
    'a head that does not come in time',
    { options: { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 20 } },
    simple('GET / HTTP/1.1\r\nHost: x\r\n'),
  ],
  [
    'a body that does not come in time',
    { options: { headersTimeout: 60_000, requestTimeout: 60_000, connectionsCheckingInterval: 20 } },
    simple(`${upload('/read-too-late')}some`),
  ],
  ['server.timeout', { properties: { timeout: 60_000 } }, simple(`${upload('/half-and-silence')}some`)],
  ['keepAliveTimeout', { properties: { keepAliveTimeout: 10 } }, simple(get('/ok'))],
  ['an upgrade that is rejected by destroy()', { upgrade: 'destroy' }, simple(UPGRADE)],
  [
    'an upgrade that is rejected by end()',
    { upgrade: 'end' },
    async (application) => {
      const peer = await application.connect();
      await peer.write(UPGRADE);
      await peer.receive();
      await application.release(peer);
      await application.until('socket close');
    },
  ],
  [
    'an upgrade that is accepted',
    { upgrade: 'echo' },
    async (application) => {
      const peer = await application.connect();
      await peer.write(UPGRADE);
      await peer.receive(72);
      await peer.write('hello');
      await peer.receive(5);
      await application.release(peer);
      await application.until('socket close');
    },
  ],
  [
    'the client resets in the middle of an upload',
    {},
    async (application) => {
      const peer = await application.connect();
      await peer.write(`${upload('/half')}some`);
      await application.until('server request');
      await peer.reset();
      await application.until('socket close');
    },
  ],
  [
    'the client closes in the middle of an upload',
    {},
    async (application) => {
      const peer = await application.connect();
      await peer.write(`${upload('/read')}some`);
      await application.until('server request');
      await peer.shutdown();
      await application.until('socket close');
      await application.release(peer);
    },
  ],
  [
    'destroy() with an error',
    {},
    async (application) => {
      const peer = await application.connect();
      await peer.write(`${upload('/destroy-with-error')}some`);
      await application.until('socket close');
      await application.release(peer);
    },
  ],
  ['resetAndDestroy()', {}, simple(`${upload('/reset')}some`)],
  [
    'server.close() with an idle and a busy connection, and getConnections()',
    {},
    async (application) => {
      const idle = await application.connect();
      await idle.write(get('/ok'));
      await application.until('response close');
      const busy = await application.connect();
      await busy.write(get('/half', 'Connection: close\r\n'));
      await application.until('server request', 2);
      await application.call('connections');
      await application.call('close');
      await idle.receive();
      await application.until('socket close');
      await application.call('connections');
      await application.call('finish');
      await busy.receive();
      await application.until('the callback of close()');
      await application.call('connections');
      await application.release(idle);
      await application.release(busy);
    },
  ],
  [
    'server.close() and closeAllConnections()',
    {},
    async (application) => {
      const busy = await application.connect();
      await busy.write(`${upload('/half')}some`);
      await busy.receive(1);
      await application.call('close');
      await application.call('method', { method: 'closeAllConnections' });
      await application.until('the callback of close()');
      await application.release(busy);
    },
  ],
];

describe('an application sees the same events and errors in the same order', () => {
  let asNode: Application;
  let registered: Application;
  beforeAll(async () => {
    [asNode, registered] = await Promise.all([Application.start([]), Application.start(REGISTER)]);
  });
  afterAll(() => Promise.all([asNode[Symbol.asyncDispose](), registered[Symbol.asyncDispose]()]));

  async function logOf(application: Application, options: ServeOptions, visit: Scenario[2]): Promise<string[]> {
    await application.serve(options);
    await visit(application);
    await application.call('close');
    await application.until('the callback of close()');
    return application.call('log');
  }

  test.each(SCENARIOS)('%s', async (_name, options, visit) => {
    const expected = await logOf(asNode, options, visit);
    expect(expected).toContain('server connection');
    expect(await logOf(registered, options, visit)).toEqual(expected);
  });
});

describe('the variables LINGERING_CLOSE_*', () => {
  const LIST =
    'LINGERING_CLOSE_WHEN, LINGERING_CLOSE_MODE, LINGERING_CLOSE_UNTIL, LINGERING_CLOSE_IDLE_TIMEOUT, ' +
    'LINGERING_CLOSE_TIMEOUT, LINGERING_CLOSE_MIN_RATE, ' +
    'LINGERING_CLOSE_MAX_BYTES, LINGERING_CLOSE_MAX_LINGERING, LINGERING_CLOSE_REF, ' +
    'LINGERING_CLOSE_READ_BEFORE_IDLE_CLOSE';

  test.each([
    ['WHEN', 'on', "must be one of needed, always. Received 'on'"],
    ['MODE', 'Linger', "must be one of linger, drain, reset. Received 'Linger'"],
    ['UNTIL', 'drained', "must be one of eof, delivered. Received 'drained'"],
    ['IDLE_TIMEOUT', '5s', "must be milliseconds, >= 0 or Infinity. Received '5s'"],
    ['TIMEOUT', '-1', "must be milliseconds, >= 0 or Infinity. Received '-1'"],
    ['MIN_RATE', '8k', "must be bytes a second, >= 0 or Infinity. Received '8k'"],
    ['MAX_BYTES', '0x10', "must be bytes, >= 0 or Infinity. Received '0x10'"],
    ['MAX_LINGERING', '1.5', "must be an integer number of connections, >= 0 or Infinity. Received '1.5'"],
    ['REF', 'yes', "must be one of true, false. Received 'yes'"],
    ['READ_BEFORE_IDLE_CLOSE', '1', "must be one of true, false. Received '1'"],
    ['TIMEOUTS', '1', `is not known. There are ${LIST}`],
    // What every object has.
    ['constructor', '1', `is not known. There are ${LIST}`],
    ['__proto__', '1', `is not known. There are ${LIST}`],
    ['toString', '1', `is not known. There are ${LIST}`],
    ['hasOwnProperty', '1', `is not known. There are ${LIST}`],
  ])('LINGERING_CLOSE_%s=%s: the process does not start, and gives the reason', async (name, value, message) => {
    const { code, stdout, stderr } = await run(process.execPath, [...REGISTER, '-e', 'console.log("started")'], {
      cwd: root,
      env: { [`LINGERING_CLOSE_${name}`]: value },
    });
    expect(stderr).toContain(
      `TypeError [ERR_INVALID_ARG_VALUE]: The environment variable LINGERING_CLOSE_${name} ${message}\n`,
    );
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  // Kubernetes sets them for the Services `lingering-close` and `lingering-close-demo`, with a named port. The last two
  // are those of Docker, which has those of the port too, for `--link demo:lingering-close`.
  const OF_SERVICES = {
    LINGERING_CLOSE_SERVICE_HOST: '10.96.0.10',
    LINGERING_CLOSE_SERVICE_PORT: '80',
    LINGERING_CLOSE_SERVICE_PORT_HTTP_API: '80',
    LINGERING_CLOSE_PORT: 'tcp://10.96.0.10:80',
    LINGERING_CLOSE_PORT_80_TCP: 'tcp://10.96.0.10:80',
    LINGERING_CLOSE_PORT_80_TCP_PROTO: 'tcp',
    LINGERING_CLOSE_PORT_80_TCP_PORT: '80',
    LINGERING_CLOSE_PORT_80_TCP_ADDR: '10.96.0.10',
    LINGERING_CLOSE_DEMO_SERVICE_HOST: '10.96.0.11',
    LINGERING_CLOSE_DEMO_PORT_53_UDP_ADDR: '10.96.0.11',
    LINGERING_CLOSE_NAME: '/web/lingering-close',
    LINGERING_CLOSE_ENV_NODE_VERSION: '20.20.2',
  };
  test('the variables of a Kubernetes Service or Docker link of such a name are no options', async () => {
    const { code, stdout, stderr } = await run(process.execPath, [...REGISTER, '-e', 'console.log("started")'], {
      cwd: root,
      env: OF_SERVICES,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'started\n', stderr: '' });
  });

  test('LINGERING_CLOSE_PREBUILD names the addon, and the process starts', async () => {
    const env = { LINGERING_CLOSE_PREBUILD: root };
    const { code, stdout } = await run(process.execPath, [...REGISTER, '-e', 'console.log("started")'], {
      cwd: root,
      env,
    });
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'started\n' });
  });

  async function outcome(env: Record<string, string>): Promise<string> {
    await using fixture = new Fixture<{ port?: number; outcome?: string }>('server/register-outcome', {
      execArgv: REGISTER,
      env,
    });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
    await peer.write(post(1_000));
    await peer.receive();
    await peer.send(10);
    return (await fixture.next()).outcome as string;
  }

  test.each([
    ['drained', { MODE: 'drain' }],
    ['idle', { IDLE_TIMEOUT: '50' }],
    ['timeout', { TIMEOUT: '50.5', MIN_RATE: '0', IDLE_TIMEOUT: 'Infinity' }],
    ['max-bytes', { MAX_BYTES: '1' }],
    ['evicted', { MAX_LINGERING: '0' }],
    ['delivered', { UNTIL: 'delivered', WHEN: 'always', REF: 'true', TIMEOUT: '' }],
  ])('%s by %o', async (expected, variables) => {
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`LINGERING_CLOSE_${name}`, value]),
    );
    expect(await outcome(env)).toBe(expected);
  });
});

// A process with register, and one without.
describe.each(['http', 'https', 'http2', 'http2s'])('%s', (kind) => {
  test.each([
    [false, 'is cut off'],
    [true, 'gets its answer'],
  ])('registered %s: a client that writes before it reads %s', async (registers) => {
    await using fixture = new Fixture<{ port: number }>('server/register-servers', {
      args: [kind],
      execArgv: registers ? REGISTER : [],
    });
    const { port } = await fixture.next();
    const tls = kind === 'https' || kind === 'http2s';
    await using peer = await Peer.connect(
      { host: '127.0.0.1', port },
      { tls, alpn: kind === 'http2s' ? 'h2' : 'http/1.1' },
    );
    await peer.write(kind.startsWith('http2') ? 'no preface of HTTP/2\r\n\r\n' : post(64 * MB));
    const { sent } = await peer.send(64 * MB);
    expect(sent === 64 * MB).toBe(registers);
    if (registers) expect((await peer.receive()).received).toBeGreaterThan(20);
  });
});

test('a net server is not changed, and a server with its own lingerOnClose keeps its options', async () => {
  await using fixture = new Fixture<Record<string, unknown>>('server/register-others', { execArgv: REGISTER });
  const { net, http } = await fixture.next();
  await using first = await Peer.connect({ host: '127.0.0.1', port: net as number });
  await first.receive();
  await using second = await Peer.connect({ host: '127.0.0.1', port: http as number });
  await second.write(post(1_000));
  await second.receive();
  expect(await fixture.next()).toEqual({ outcomes: ['drained'] });
});

test.each([
  'a text as socket.server',
  'null as socket.server',
  'an object as socket.server',
  'a Proxy of a server',
  'a server that is not extensible',
  "an EventEmitter with Node's HTTP code",
])('an application with %s is left to Node', async (way) => {
  await using fixture = new Fixture<{ port?: number; lives?: true }>('server/register-odd-servers', {
    args: [way],
    execArgv: REGISTER,
  });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
  // Node 26 itself cannot answer where the server is not extensible.
  if (way !== 'a server that is not extensible') {
    await peer.write(get('/'));
    expect((await peer.receive(6)).received).toBeGreaterThanOrEqual(6);
  }
  fixture.send({});
  expect(await fixture.next()).toEqual({ lives: true });
});

test('an application may call methods of an object that inherits from a socket', async () => {
  await using fixture = new Fixture('server/inherited-socket', { execArgv: REGISTER });
  expect(await fixture.next()).toEqual({ thrown: [], cut: 0 });
});

test('works without the addon too, and says so', async () => {
  await using fixture = new Fixture<{ port: number }>('server/register-servers', {
    args: ['http'],
    execArgv: [...REGISTER, '--no-addons'],
  });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.write(post(64 * MB));
  expect(await peer.send(64 * MB)).toEqual({ sent: 64 * MB });
  expect((await peer.receive()).received).toBeGreaterThan(20);
  expect(fixture.stderr).toContain('LINGERING_CLOSE_FALLBACK');
});

describe('server.close(() => process.exit()) with a linger pending', () => {
  async function exitBehind(how: 'as Node is' | 'lingers', goesOn: boolean) {
    await using fixture = new Fixture<{ port: number }>('server/server-exit', { args: [how] });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    await peer.write(post(8 * MB));
    await peer.send(100 * KB);
    expect(await fixture.next()).toEqual({ request: true });
    fixture.send({ answer: true });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    if (goesOn) await peer.send(MB);
    return (await peer.receive()).received > 1_000_000 ? 'whole' : 'lost';
  }

  test('control: plain Node mostly resets, and the rest of the answer is lost', async () => {
    // The client reads while the answer goes out, and may happen to have read everything.
    const ends = [];
    do ends.push(await exitBehind('as Node is', false));
    while (ends.at(-1) === 'whole' && ends.length < 10);
    expect(ends).toContain('lost');
  });

  test('the answer is saved for a client that sends no more', async () => {
    expect(await exitBehind('lingers', false)).toBe('whole');
  });

  test('the rest of the answer is lost for a client that goes on sending', async () => {
    expect(await exitBehind('lingers', true)).toBe('lost');
  });
});

describe('a server that is handed its connections', () => {
  test.each([
    ['a net server', 'http'],
    ['a net server that looks at the first bytes', 'http'],
    ['a tls server', 'http'],
    ['another process', 'http'],
    ['a net server', 'https'],
    ['another process', 'https'],
  ])('by %s, %s: each client that writes before it reads gets its answer', async (from, kind) => {
    await using fixture = new Fixture<{ port?: number; outcome?: string }>('server/register-handed-over', {
      args: [from, kind],
      execArgv: REGISTER,
    });
    const { port } = await fixture.next();
    const tls = kind === 'https' || from === 'a tls server';
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number }, { tls });
    for (let i = 0; i < 5; i++) {
      if (i > 0) await peer.reconnect({ host: '127.0.0.1', port: port as number }, { tls });
      await peer.write(post(64 * MB));
      expect(await peer.send(64 * MB)).toEqual({ sent: 64 * MB });
      expect(await peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
      await peer.close();
      expect(await fixture.next()).toEqual({ outcome: 'eof' });
    }
  });

  test('a process that only waits for sockets of its parent ends as without register', async () => {
    for (const execArgv of [[], REGISTER]) {
      await using fixture = new Fixture('server/register-message-once', { execArgv });
      expect(await fixture.next()).toEqual({ ready: true });
      fixture.send({ first: true });
      expect(await fixture.exit).toEqual({ code: 0, signal: null });
    }
  });

  test('requests are listened to behind a connection of a net server, not of an HTTP server', async () => {
    await using fixture = new Fixture<{ counts: [number, number, number] }>('server/register-subscribers', {
      execArgv: REGISTER,
    });
    const [first, second, net] = (await fixture.next()).counts;
    expect(second).toBe(first);
    expect(net).toBe(second + 1);
  });
});
