// lingerOnClose itself: its arguments, what it counts and reports, and when it does nothing.
import { rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LingerOnCloseOptions, lingerOnClose } from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import { GET, GET_AND_CLOSE, HTTP2_POST, post, UPGRADE } from '../support/http-text.ts';
import { type HostedServer, LingerOnCloseHost, type State } from '../support/linger-on-close-host.ts';
import { NETNS_SKIPPED, netnsPermitted } from '../support/netns.ts';
import { Peer } from '../support/peer.ts';
import { runOk } from '../support/run.ts';
import { ENGINES, KB, known, MB } from '../support/safe-close-host.ts';

const NONE = { active: 0, outcomes: {}, discardedBytes: 0, evictions: 0 };

/** Only the outcomes that occurred. */
function short({ active, totals: { outcomes, ...totals } }: State) {
  return { active, outcomes: Object.fromEntries(Object.entries(outcomes).filter(([, count]) => count > 0)), ...totals };
}

describe('arguments', () => {
  const server = http.createServer();
  const untouched = () => ({
    listeners: server.eventNames().map((name) => [name, server.listenerCount(name)]),
    symbols: Object.getOwnPropertySymbols(server).map(String),
  });
  const before = untouched();

  function expectThrown(call: () => unknown): NodeJS.ErrnoException {
    try {
      call();
    } catch (error) {
      return error as Error;
    }
    throw new Error('it did not throw');
  }

  test.each<[value: unknown, received: string]>([
    [undefined, 'undefined'],
    [null, 'null'],
    [8080, 'type number (8080)'],
    ['server', "type string ('server')"],
    [() => {}, 'a function'],
    [{}, 'an instance of Object'],
    [new net.Socket(), 'an instance of Socket. For a single connection there is safeClose(socket).'],
    [new Proxy(http.createServer(), {}), 'an instance of Server. Pass the server itself, and not a Proxy of it.'],
  ])('%o is not a server', (value, received) => {
    const error = expectThrown(() => lingerOnClose(value as net.Server));
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
      message:
        'The "server" argument must be an instance of net.Server, tls.Server, http.Server, https.Server ' +
        `or an HTTP/2 server. Received ${received}`,
    });
  });

  test.each<[options: object | null | string, name: string, code: string, message: string]>([
    [null, 'TypeError', 'ERR_INVALID_ARG_TYPE', 'The "options" argument must be of type object. Received null'],
    [
      'needed',
      'TypeError',
      'ERR_INVALID_ARG_TYPE',
      'The "options" argument must be of type object. Received type string (\'needed\')',
    ],
    [
      { when: 'on' },
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      `The "options.when" property must be one of 'needed', 'always'. Received 'on'`,
    ],
    [
      { when: null },
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      `The "options.when" property must be one of 'needed', 'always'. Received null`,
    ],
    [
      { maxLingering: -1 },
      'RangeError',
      'ERR_OUT_OF_RANGE',
      'The value of "options.maxLingering" is out of range. It must be an integer >= 0, or Infinity. Received -1',
    ],
    [
      { maxLingering: 1.5 },
      'RangeError',
      'ERR_OUT_OF_RANGE',
      'The value of "options.maxLingering" is out of range. It must be an integer >= 0, or Infinity. Received 1.5',
    ],
    [
      { maxLingering: Number.NaN },
      'RangeError',
      'ERR_OUT_OF_RANGE',
      'The value of "options.maxLingering" is out of range. It must be an integer >= 0, or Infinity. Received NaN',
    ],
    [
      { maxLingering: '10' },
      'TypeError',
      'ERR_INVALID_ARG_TYPE',
      `The "options.maxLingering" property must be of type number. Received type string ('10')`,
    ],
    [
      { choose: true },
      'TypeError',
      'ERR_INVALID_ARG_TYPE',
      'The "options.choose" property must be of type function. Received type boolean (true)',
    ],
    [
      { choose: null },
      'TypeError',
      'ERR_INVALID_ARG_TYPE',
      'The "options.choose" property must be of type function. Received null',
    ],
    // The tests of safeClose cover its options.
    [
      { timeout: -1 },
      'RangeError',
      'ERR_OUT_OF_RANGE',
      'The value of "options.timeout" is out of range. It must be >= 0. Received -1',
    ],
    [
      { mode: 'soft' },
      'TypeError',
      'ERR_INVALID_ARG_VALUE',
      `The "options.mode" property must be one of 'linger', 'drain', 'reset'. Received 'soft'`,
    ],
  ])('%o is refused, and nothing is changed', (options, name, code, message) => {
    expect(expectThrown(() => lingerOnClose(server, options as LingerOnCloseOptions))).toMatchObject({
      name,
      code,
      message,
    });
    expect(untouched()).toEqual(before);
  });

  test.each([{}, undefined, { maxLingering: Infinity }, { maxLingering: 0 }, { when: undefined, choose: undefined }])(
    '%o is accepted',
    (options) => {
      const lingering = lingerOnClose(server, options);
      expect(short(lingering)).toEqual(NONE);
      lingering.disable();
      expect(server.eventNames().map((name) => [name, server.listenerCount(name)])).toEqual(before.listeners);
    },
  );
});

describe.each(ENGINES)('%s engine', (engine) => {
  let host: LingerOnCloseHost;
  beforeAll(async () => {
    host = await LingerOnCloseHost.start({ engine });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** A client that gives up at the first error, and then reads what is there. */
  async function upload(hosted: HostedServer, bytes = 4 * MB) {
    await using visit = await hosted.connect();
    const { peer } = visit;
    await peer.write(post(bytes));
    const { error } = await peer.send(bytes);
    const { end, tail } = await peer.receive();
    return { error, end, tail };
  }
  const ANSWERED = { error: undefined, end: 'eof', tail: 'x'.repeat(64) };

  describe('does nothing', () => {
    async function expectNone(hosted: HostedServer): Promise<void> {
      await hosted.said('close');
      expect(short(await hosted.state())).toEqual(NONE);
      expect(hosted.countSaid('start')).toBe(0);
    }

    test('for a GET that is answered with Connection: close', async () => {
      const hosted = await host.serve('http', 'answer', { attach: {} });
      await using visit = await hosted.connect();
      await visit.peer.write(GET_AND_CLOSE);
      expect(await visit.peer.receive()).toMatchObject({ tail: expect.stringMatching(/xx$/), end: 'eof' });
      await expectNone(hosted);
    });

    test('for a keep-alive client that closes first', async () => {
      const hosted = await host.serve('http', 'answer', { attach: { when: 'always' } });
      await using visit = await hosted.connect();
      for (let i = 0; i < 3; i++) {
        await visit.peer.write(GET);
        await hosted.said('request');
      }
      await visit.peer.close();
      await expectNone(hosted);
    });

    test('for an upload that was read to its end', async () => {
      const hosted = await host.serve('http', 'answer', { attach: {}, args: { headers: { Connection: 'close' } } });
      expect(await upload(hosted)).toMatchObject({ error: undefined, end: 'eof' });
      await expectNone(hosted);
    });

    test('for an idle connection whose keep-alive time is over', async () => {
      const hosted = await host.serve('http', 'answer', { attach: {}, properties: { keepAliveTimeout: 1 } });
      await using visit = await hosted.connect();
      await visit.peer.write(GET);
      expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
      await expectNone(hosted);
    });

    test('for a connection on which nothing was ever sent', async () => {
      const hosted = await host.serve('http', 'answer', { attach: {} });
      await using visit = await hosted.connect();
      await hosted.call('method', { method: 'closeAllConnections' });
      expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
      await expectNone(hosted);
    });

    test('for a connection that the peer resets', async () => {
      const hosted = await host.serve('http', 'half an answer', { attach: { when: 'always' } });
      await using visit = await hosted.connect();
      await visit.peer.write(post(100));
      await hosted.said('answered');
      await visit.peer.reset();
      await expectNone(hosted);
    });
  });

  test("'always' lingers on every close by the server, only until the peer closes", async () => {
    const hosted = await host.serve('http', 'answer', { attach: { when: 'always' } });
    await using visit = await hosted.connect();
    await visit.peer.write(GET_AND_CLOSE);
    expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
    await hosted.said('start');
    expect(await hosted.state()).toMatchObject({ active: 1 });
    await visit.peer.close();
    expect(await hosted.end()).toMatchObject({ outcome: 'eof', delivered: known(engine, true) });
    expect(short(await hosted.state())).toEqual({ ...NONE, outcomes: { eof: 1 } });
  });

  test('counts and reports: totals, and two diagnostics channels with the addresses', async () => {
    const hosted = await host.serve('http', 'early 413', { attach: {} });
    expect(await upload(hosted)).toEqual(ANSWERED);
    const addresses = {
      localAddress: '127.0.0.1',
      localPort: (hosted.address as { port: number }).port,
      remoteAddress: '127.0.0.1',
      remotePort: expect.any(Number),
      remoteFamily: 'IPv4',
    };
    expect(await hosted.said('start')).toEqual({ ...addresses, isSocket: true });
    const end = await hosted.end();
    expect(end).toEqual({
      outcome: 'eof',
      delivered: known(engine, true),
      unackedBytes: known(engine, 0),
      discardedBytes: expect.any(Number),
      duration: expect.any(Number),
      engine,
      ...addresses,
    });
    expect(end.discardedBytes).toBeGreaterThan(3 * MB);
    expect(short(await hosted.state())).toEqual({ ...NONE, outcomes: { eof: 1 }, discardedBytes: end.discardedBytes });
  });

  test("the socket's own events come at the close, not at the end of the linger", async () => {
    const hosted = await host.serve('http', 'early 413', { attach: {} });
    await using visit = await hosted.connect();
    await visit.peer.write(post(1_000));
    expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
    await hosted.said('start');
    if (engine === 'native') {
      expect(await hosted.said('close')).toEqual({ hadError: false });
      // The server does not wait either.
      expect(await hosted.call('connections')).toBe(0);
      expect(await hosted.state()).toMatchObject({ active: 1 });
    } else {
      expect(hosted.countSaid('close')).toBe(0);
      expect(await hosted.call('connections')).toBe(1);
    }
  });

  test('a second call replaces the first: one linger for each connection, counted by the second', async () => {
    const hosted = await host.serve('http', 'early 413', { attach: {} });
    expect(await upload(hosted)).toEqual(ANSWERED);
    await hosted.end();
    await hosted.call('attach', { options: { maxBytes: 1_000 } });
    await using visit = await hosted.connect();
    await visit.peer.write(post(4 * MB));
    await visit.peer.send(4 * MB);
    expect(await hosted.end()).toMatchObject({ outcome: 'max-bytes' });
    expect(short(await hosted.state())).toMatchObject({ active: 0, outcomes: { 'max-bytes': 1 } });
    expect(hosted.countSaid('start')).toBe(2);
  });

  test.each(['disable', 'dispose'])('%s: lingers that have begun go on, and the next close is plain', async (how) => {
    const hosted = await host.serve('http', 'early 413', { attach: {} });
    await using first = await hosted.connect();
    await first.peer.write(post(1 << 30));
    await first.peer.receive();
    await hosted.said('start');
    await hosted.call(how);
    await hosted.call(how);
    expect(await hosted.state()).toMatchObject({ active: 1 });
    await using second = await hosted.connect();
    await second.peer.write(post(64 * MB));
    expect(await second.peer.send(64 * MB)).toMatchObject({ error: expect.stringMatching(/EPIPE|ECONNRESET/) });
    expect(await first.peer.send(MB)).toEqual({ sent: MB });
    await first.peer.close();
    await hosted.end();
    expect(short(await hosted.state())).toMatchObject({ active: 0, outcomes: { eof: 1 } });
  });

  test('a connection that was open before the call is covered', async () => {
    const hosted = await host.serve('http', 'early 413');
    await using visit = await hosted.connect();
    await hosted.call('attach', { options: {} });
    await visit.peer.write(post(4 * MB));
    expect(await visit.peer.send(4 * MB)).toEqual({ sent: 4 * MB });
    expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
    await visit.peer.close();
    expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
  });

  test('a server on a UNIX socket', async () => {
    const path = join(tmpdir(), `lingering-close-server-${process.pid}-${engine}.sock`);
    const hosted = await host.serve('http', 'early 413', { attach: {}, listen: { path } });
    expect(await upload(hosted)).toEqual(ANSWERED);
    expect(await hosted.end()).toMatchObject({ outcome: 'eof', engine });
    rmSync(path, { force: true });
  });

  describe('choose', () => {
    test('gets the socket that the application knows; false is a close as in plain Node', async () => {
      const hosted = await host.serve('https', 'early 413', { attach: { choose: 'no' } });
      const { error } = await upload(hosted, 64 * MB);
      expect(await hosted.said('choose')).toEqual({ address: '127.0.0.1', encrypted: true });
      expect(error).toMatch(/EPIPE|ECONNRESET|SSL/);
      expect(short(await hosted.state())).toEqual(NONE);
    });

    test.each(['yes', 'nothing'])('%s leaves it with the options of the server', async (choose) => {
      const hosted = await host.serve('http', 'early 413', { attach: { choose } });
      expect(await upload(hosted)).toEqual(ANSWERED);
      expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
    });

    test('an object has options for this connection', async () => {
      const hosted = await host.serve('http', 'answer', { attach: { choose: 'drain' } });
      await using visit = await hosted.connect();
      await visit.peer.write('no request\r\n\r\n');
      expect(await hosted.end()).toMatchObject({ outcome: 'drained' });
    });

    test('an option that is undefined is that of the server', async () => {
      const hosted = await host.serve('http', 'answer', { attach: { mode: 'drain', choose: 'undefined' } });
      await using visit = await hosted.connect();
      await visit.peer.write('no request\r\n\r\n');
      expect(await hosted.end()).toMatchObject({ outcome: 'drained' });
    });

    test("{ when: 'always' } lingers where the server would not", async () => {
      const hosted = await host.serve('http', 'answer', { attach: { choose: 'always' } });
      await using visit = await hosted.connect();
      await visit.peer.write(GET_AND_CLOSE);
      await visit.peer.receive();
      await visit.peer.close();
      expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
    });

    test.each([
      ['throws', 'from the application'],
      ['invalid', 'The value of "options.timeout" is out of range. It must be >= 0. Received -1'],
    ])('one that %s: the options of the server, and a process warning', async (choose, message) => {
      const hosted = await host.serve('http', 'early 413', { attach: { choose } });
      expect(await upload(hosted)).toEqual(ANSWERED);
      expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
      expect(await host.call('warnings')).toContainEqual({
        name: 'LingeringCloseWarning',
        code: 'LINGERING_CLOSE_CALLBACK',
        message: `The choose function of lingerOnClose() failed: ${message}`,
      });
    });

    test('one that destroys the socket itself: the socket is closed once', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { choose: 'destroys the socket' } });
      await using visit = await hosted.connect();
      await visit.peer.write(post(1_000));
      await visit.peer.receive();
      expect(await hosted.said('close')).toEqual({ hadError: false });
      expect(hosted.countSaid('start')).toBeLessThanOrEqual(1);
    });

    test('one that calls disable(): the connection is closed as in plain Node', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { choose: 'disables' } });
      await using visit = await hosted.connect();
      await visit.peer.write(post(1_000));
      await visit.peer.receive();
      expect(await hosted.said('close')).toEqual({ hadError: false });
      expect(hosted.countSaid('start')).toBe(0);
    });

    test('one that destroys other connections is asked once for each', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { choose: 'destroys the others' } });
      const visits = [await hosted.connect(), await hosted.connect(), await hosted.connect()];
      await visits[0]?.peer.write(post(1_000));
      for (let i = 0; i < 3; i++) expect(await hosted.said('close')).toEqual({ hadError: false });
      expect(hosted.countSaid('choose')).toBe(3);
      const warnings = await host.call<{ message: string }[]>('warnings');
      expect(warnings.filter(({ message }) => message.includes('call stack'))).toEqual([]);
      for (const visit of visits) await visit[Symbol.asyncDispose]();
    });
  });

  test('an AbortSignal resets all lingering connections', async () => {
    const hosted = await host.serve('http', 'early 413', { attach: { signal: true } });
    await using first = await hosted.connect();
    await using second = await hosted.connect();
    for (const { peer } of [first, second]) {
      await peer.write(post(1_000));
      expect(await peer.receive()).toMatchObject({ end: 'eof' });
      await hosted.said('start');
    }
    expect(await hosted.state()).toMatchObject({ active: 2 });
    await hosted.call('abort');
    for (const { peer } of [first, second]) {
      expect(await hosted.end()).toMatchObject({ outcome: 'aborted' });
      // ECONNRESET in a connection whose peer has already received our FIN.
      expect(await peer.untilBroken()).toBe('EPIPE');
    }
    expect(short(await hosted.state())).toMatchObject({ active: 0, outcomes: { aborted: 2 } });
    // And from now on every close is a reset.
    await using third = await hosted.connect();
    await third.peer.write(post(1_000));
    expect(await hosted.end()).toMatchObject({ outcome: 'aborted' });
  });

  describe('a hard close stays a hard close', () => {
    test.each([
      ['destroy() with an error', 'destroy with an error'],
      ['resetAndDestroy()', 'resetAndDestroy'],
    ])('%s', async (_name, behaviour) => {
      const hosted = await host.serve('http', behaviour, { attach: { when: 'always' } });
      await using visit = await hosted.connect();
      await visit.peer.write(post(100 * KB));
      const { error } = await visit.peer.send(100 * KB);
      // EPIPE if FIN came first, which is Node's own way of resetAndDestroy().
      expect(error ?? (await visit.peer.untilBroken())).toMatch(/^(ECONNRESET|EPIPE)$/);
      await hosted.said('close');
      expect(short(await hosted.state())).toEqual(NONE);
    });

    test('destroy() with output that is still in the process', async () => {
      const hosted = await host.serve('net', 'destroy with pending output', { attach: {}, args: { size: 30 * MB } });
      await using visit = await hosted.connect({ receiveBuffer: 4 * KB });
      await hosted.said('close');
      expect((await visit.peer.receive()).received).toBeLessThan(30 * MB);
      expect(short(await hosted.state())).toEqual(NONE);
    });

    test('closeAllConnections() in the middle of a response', async () => {
      const hosted = await host.serve('http', 'a large answer', { attach: {}, args: { size: 30 * MB } });
      await using visit = await hosted.connect({ receiveBuffer: 4 * KB });
      await visit.peer.write(GET);
      await hosted.said('answered');
      await hosted.call('method', { method: 'closeAllConnections' });
      await hosted.said('close');
      expect((await visit.peer.receive()).received).toBeLessThan(30 * MB);
      expect(short(await hosted.state())).toEqual(NONE);
    });
  });

  test.each(['http', 'https'] as const)(
    '%s: an upgrade that is rejected by end() alone: the client can write everything, and the connection ends',
    async (kind) => {
      const hosted = await host.serve(kind, 'upgrade: end', { attach: {} });
      await using visit = await hosted.connect();
      await visit.peer.write(UPGRADE);
      expect(await visit.peer.send(16 * MB)).toEqual({ sent: 16 * MB });
      expect(await visit.peer.receive()).toMatchObject({
        tail: expect.stringContaining('401 Unauthorized'),
        end: 'eof',
      });
      await visit.peer.close();
      expect(await hosted.said('close')).toEqual({ hadError: false });
    },
  );

  test('an upgrade that is rejected by end() alone has the limits of a linger', async () => {
    const hosted = await host.serve('http', 'upgrade: end', { attach: { maxBytes: 1 * MB } });
    await using visit = await hosted.connect();
    await visit.peer.write(UPGRADE);
    expect(await visit.peer.send(64 * MB)).toMatchObject({ error: expect.any(String) });
    expect(await hosted.end()).toMatchObject({ outcome: 'max-bytes' });
  });

  test('HTTP/2 session.close(): Node itself reads to the EOF of the client', async () => {
    const hosted = await host.serve('http2', 'stream: answer and close the session', { attach: {} });
    await using visit = await hosted.connect();
    await visit.peer.write(HTTP2_POST);
    expect(await visit.peer.receive()).toMatchObject({ tail: expect.stringContaining('too much'), end: 'eof' });
    expect(await visit.peer.send(8 * MB)).toEqual({ sent: 8 * MB });
    await visit.peer.close();
    await hosted.said('close');
    expect(short(await hosted.state())).toEqual(NONE);
  });

  test('an upgraded connection that is in use is left alone', async () => {
    const hosted = await host.serve('http', 'upgrade: echo', { attach: {} });
    await using visit = await hosted.connect();
    await visit.peer.write(UPGRADE);
    await visit.peer.receive(`HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n`.length);
    await visit.peer.write('hello');
    expect(await visit.peer.receive(5)).toMatchObject({ tail: expect.stringMatching(/hello$/) });
    await visit.peer.shutdown();
    expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
    await hosted.said('close');
    expect(short(await hosted.state())).toEqual(NONE);
  });
});

describe('native engine, with the rest of the package', () => {
  let host: LingerOnCloseHost;
  beforeAll(async () => {
    host = await LingerOnCloseHost.start({ isolated: netnsPermitted() });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  test.each(['http', 'https'] as const)('%s: setLinger(socket, 0) and destroy() is RST', async (kind) => {
    const hosted = await host.serve(kind, 'setLinger and destroy', {
      attach: { when: 'always' },
      args: { values: [0] },
    });
    await using visit = await hosted.connect();
    await visit.peer.write(GET);
    expect(await visit.peer.untilBroken()).toBe('ECONNRESET');
    await hosted.said('close');
    expect(short(await hosted.state())).toEqual(NONE);
  });

  test.each(['http', 'https'] as const)('%s: setLinger(socket, false) brings the linger back', async (kind) => {
    const hosted = await host.serve(kind, 'setLinger and destroy', {
      attach: { when: 'always' },
      args: { values: [0, false] },
    });
    await using visit = await hosted.connect();
    await visit.peer.write(GET);
    expect(await visit.peer.receive()).toMatchObject({ end: expect.stringMatching(/eof|SSLEOFError/) });
    expect(await hosted.state()).toMatchObject({ active: 1 });
    await visit.peer.close();
    expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
  });

  test('a TLS connection that was open before the call is covered', async () => {
    const hosted = await host.serve('https', 'early 413');
    await using visit = await hosted.connect();
    await hosted.call('attach', { options: {} });
    await visit.peer.write(post(4 * MB));
    expect(await visit.peer.send(4 * MB)).toEqual({ sent: 4 * MB });
    expect(await visit.peer.receive()).toMatchObject({ end: 'eof' });
    await visit.peer.close();
    expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
  });

  test.skipIf(!netnsPermitted())(
    `a TLS handshake that fails: the client can read the alert${NETNS_SKIPPED}`,
    async () => {
      async function handshake(attach: object | undefined) {
        const before = await host.resets();
        const hosted = await host.serve('https', 'answer', { attach });
        await using visit = await hosted.connect({ tls: false });
        // A record of the handshake protocol that is not one.
        await visit.peer.write(`\x16\x03\x01\x00\x10${'?'.repeat(16)}`);
        const { sent } = await visit.peer.send(4 * MB);
        const { tail, end } = await visit.peer.receive();
        await visit.peer.close();
        if (attach) await hosted.end();
        return {
          whole: sent === 4 * MB,
          alert: tail.charCodeAt(0),
          end,
          resets: (await host.resets()).resetsSent - before.resetsSent,
        };
      }
      expect((await handshake(undefined)).resets).toBeGreaterThan(0);
      expect(await handshake({})).toEqual({ whole: true, alert: 21, end: 'eof', resets: 0 });
    },
  );

  // Otherwise a descriptor would be left open, or held twice, for each.
  test.each([
    ['http', 'setLinger and destroy', 0],
    ['https', 'setLinger and destroy', 0],
    ['http', 'answer and safeClose', 1],
    ['https', 'answer and safeClose', 1],
  ] as const)('%s: %s is one linger, not two', async (kind, behaviour, starts) => {
    const hosted = await host.serve(kind, behaviour, { attach: { when: 'always' }, args: { values: [3] } });
    const before = await host.call<number>('descriptors');
    // The receive buffer of the peer is full, so that nothing ends too soon.
    await using visit = await hosted.connect();
    await visit.peer.write(post(1_000));
    await hosted.said('close');
    expect(await host.call('descriptors')).toBeLessThanOrEqual(before + 1);
    await visit.peer.receive();
    await visit.peer.close();
    if (starts) expect(await hosted.said('report')).toBe('eof');
    await expect.poll(() => host.call('descriptors'), { timeout: 20_000 }).toBe(before);
    expect(short(await hosted.state())).toEqual(NONE);
    expect(hosted.countSaid('start')).toBe(starts);
  });
});

test('control: plain Node never reads on after an upgrade that is rejected by end()', async () => {
  await using host = await LingerOnCloseHost.start();
  const hosted = await host.serve('http', 'upgrade: end');
  const { peer } = await hosted.connect();
  await peer.write(UPGRADE);
  const sent = peer.send(16 * MB);
  expect(await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 2_000, 'waits'))])).toBe('waits');
  const over = sent.catch(() => {});
  await peer.kill();
  await over;
});

test.each([
  ['http', 'streams', 'eof'],
  ['https', 'error', 'error'],
] as const)('EMFILE at the duplicate, %s: %s', async (kind, _how, outcome) => {
  await using fixture = new Fixture<{ port?: number; report?: object; state?: State }>('server/server-emfile', {
    args: [kind],
    prefix: ['sh', '-c', 'ulimit -n 120 && exec "$0" "$@"'],
  });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number }, { tls: kind === 'https' });
  await peer.write(post(MB));
  if (kind === 'http') expect(await peer.send(MB)).toEqual({ sent: MB });
  expect(await peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
  await peer.close();
  const { report, state } = await fixture.next();
  expect(report).toMatchObject({ outcome, error: { name: 'SocketError', code: 'EMFILE', syscall: 'fcntl' } });
  expect(short(state as State)).toMatchObject({ active: 0, outcomes: { [outcome]: 1 } });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('a socket that was sent to another process is not kept', async () => {
  await using fixture = new Fixture<{ port?: number; sent?: number; kept?: number; open?: number }>(
    'server/server-handover',
    {
      execArgv: ['--expose-gc'],
    },
  );
  const { port } = await fixture.next();
  const visitor = fileURLToPath(new URL('../support/visitor.py', import.meta.url));
  await runOk('python3', [visitor, '127.0.0.1', String(port), '200', 'plain']);
  fixture.send({ over: true });
  const { sent, open, kept } = await fixture.next();
  expect(sent).toBe(200);
  expect(open).toBe(0);
  // The socket is noticed now and then, not at once.
  expect(kept).toBeLessThan(100);
});

test.each(['net', 'upgrade', 'aborted'])(
  'a connection that is the stdio of a child is left to the child: %s',
  async (kind) => {
    await using fixture = new Fixture<{ port: number } & { destroyed: true }>('server/server-stdio', { args: [kind] });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    if (kind === 'upgrade') await peer.write(UPGRADE);
    expect(await fixture.next()).toEqual({ destroyed: true });
    // Neither the input nor the output is the server's any more.
    await peer.write('Hello\n');
    expect(await peer.receive()).toMatchObject({ tail: 'the child has read Hello\n', end: 'eof' });
  },
);

test('output that is cut off under a TLSSocket of the application is not reported as delivered', async () => {
  await using fixture = new Fixture<{ port: number } & Record<string, unknown>>('server/server-starttls');
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port }, { tls: true, receiveBuffer: 4_096 });
  await peer.write('Hello');
  // The stream under the TLSSocket knows nothing of it.
  expect(await fixture.next()).toEqual({ queued: 0 });
  expect((await peer.receive()).received).toBeLessThan(16 * MB);
  await peer.close();
  expect(await fixture.next()).toEqual({ outcome: 'eof', delivered: null });
});

test('an address of whatever kind does not keep a socket from being destroyed', async () => {
  await using fixture = new Fixture('server/server-odd-address');
  expect(await fixture.next()).toEqual({ destroyed: [true, true, true] });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('a Worker with such a server is terminated in the middle of a linger', async () => {
  await using fixture = new Fixture<{ port?: number; before?: number; after?: number }>('server/server-worker');
  for (let i = 0; i < 3; i++) {
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
    await peer.write(post(1_000));
    expect(await peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
    fixture.send({ terminate: true });
  }
  const { before, after } = await fixture.next();
  expect(after).toBe(before);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr).toBe('');
});
