// closeServer itself: its arguments, calls and signals, its report, and what it leaves behind.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CloseServerOptions, closeServer } from '../../src/index.ts';
import { answer, CloseServerHost, JUST_EOF, reported } from '../support/close-server-host.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const PATIENT = { timeout: 120_000 };

describe('arguments', () => {
  const close = closeServer as (server: unknown, options?: unknown) => unknown;

  test.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [{}, 'an instance of Object'],
    [443, 'type number (443)'],
    [new Proxy(createServer(), {}), 'an instance of Server. Pass the server itself, and not a Proxy of it.'],
  ])('%o is not a server', (server, received) => {
    expect(() => close(server)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_INVALID_ARG_TYPE',
        message:
          'The "server" argument must be an instance of net.Server, tls.Server, http.Server, https.Server ' +
          `or an HTTP/2 server. Received ${received}`,
      }),
    );
  });

  const TYPE = 'ERR_INVALID_ARG_TYPE';
  const RANGE = 'ERR_OUT_OF_RANGE';
  test.each<[options: unknown, code: string, message: string]>([
    [null, TYPE, 'The "options" argument must be of type object. Received null'],
    [5_000, TYPE, 'The "options" argument must be of type object. Received type number (5000)'],
    [[], TYPE, 'The "options" argument must be of type object. Received an instance of Array'],
    [{ drainDelay: '5' }, TYPE, `The "options.drainDelay" property must be of type number. Received type string ('5')`],
    [{ drainDelay: -1 }, RANGE, 'The value of "options.drainDelay" is out of range. It must be >= 0. Received -1'],
    [{ timeout: null }, TYPE, 'The "options.timeout" property must be of type number. Received null'],
    [{ timeout: Number.NaN }, RANGE, 'The value of "options.timeout" is out of range. It must be >= 0. Received NaN'],
    [
      { lingerTimeout: 2n },
      TYPE,
      'The "options.lingerTimeout" property must be of type number. Received type bigint (2n)',
    ],
    [
      { lingerTimeout: -0.5 },
      RANGE,
      'The value of "options.lingerTimeout" is out of range. It must be >= 0. Received -0.5',
    ],
    [
      { signal: {} },
      TYPE,
      'The "options.signal" property must be an instance of AbortSignal. Received an instance of Object',
    ],
    [{ goodbye: 'bye' }, TYPE, `The "options.goodbye" property must be of type function. Received type string ('bye')`],
  ])('%o is refused, and nothing is changed', async (options, code, message) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const before = { names: server.eventNames(), symbols: Object.getOwnPropertySymbols(server) };
    expect(() => close(server, options)).toThrow(expect.objectContaining({ code, message }));
    expect({ names: server.eventNames(), symbols: Object.getOwnPropertySymbols(server) }).toEqual(before);
    expect(server.listening).toBe(true);
    server.close();
  });

  test.each<CloseServerOptions>([
    { drainDelay: undefined, timeout: undefined, lingerTimeout: undefined, signal: undefined, goodbye: undefined },
    { timeout: Infinity, lingerTimeout: 0 },
  ])('%o is accepted', async (options) => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    expect(await closeServer(server, options)).toEqual(reported({}));
    expect(server.listening).toBe(false);
  });
});

describe.each(ENGINES)('%s engine', (engine) => {
  let host: CloseServerHost;
  beforeAll(async () => {
    host = await CloseServerHost.start({ engine });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  describe('signal', () => {
    test('aborted before the call: everything is reset at once', async () => {
      await using server = await host.serve('http');
      const idle = await server.idle();
      const held = await server.request('/held');
      await server.close({ drainDelay: 60_000, signal: 'aborted' });
      expect(await server.report()).toEqual(reported({ cut: 2, aborted: true }));
      for (const peer of [idle, held]) expect(await peer.receive()).toMatchObject({ received: 0, end: 'ECONNRESET' });
      expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
    });

    test('aborted during drainDelay', async () => {
      await using server = await host.serve('http');
      const held = await server.request('/held');
      await server.close({ drainDelay: 60_000, signal: 'controller' });
      expect((await server.state()).listening).toBe(true);
      await server.call('abort');
      expect(await server.report()).toEqual(reported({ cut: 1, aborted: true }));
      expect(await held.receive()).toMatchObject({ received: 0, end: 'ECONNRESET' });
      expect((await server.state()).listening).toBe(false);
    });

    test('aborted while requests are in flight', async () => {
      await using server = await host.serve('http');
      const held = await server.request('/held');
      await server.close({ ...PATIENT, signal: 'controller' });
      await server.call('abort');
      expect(await server.report()).toEqual(reported({ cut: 1, aborted: true }));
      expect(await held.receive()).toMatchObject({ received: 0, end: 'ECONNRESET' });
    });

    test('aborted while a connection lingers, after timeout', async () => {
      await using server = await host.serve('http', { attach: { idleTimeout: 60_000, timeout: 60_000 } });
      const idle = await server.idle();
      await server.close({ timeout: 0, lingerTimeout: 60_000, signal: 'controller' });
      expect(await idle.receive()).toEqual(JUST_EOF);
      await server.call('abort');
      expect(await server.report()).toEqual(reported({ idle: 1, outcomes: { aborted: 1 }, aborted: true }));
    });

    test('aborted by another call, which gets the first promise', async () => {
      await using server = await host.serve('http');
      const held = await server.request('/held');
      expect(await server.close(PATIENT)).toBe(false);
      expect(await server.close({ drainDelay: 5 })).toBe(true);
      expect(await server.close({ signal: 'aborted' })).toBe(true);
      expect(await server.report()).toEqual(reported({ cut: 1, aborted: true }));
      expect(await held.receive()).toMatchObject({ received: 0, end: 'ECONNRESET' });
    });
  });

  test('each figure of the report', async () => {
    await using server = await host.serve('http', { attach: { when: 'always' } });
    const idle = await server.idle();
    const held = await server.request('/held');
    const begun = await server.request('/begun');
    const hanging = await server.request('/begun');
    // The last one: it must not have been idle for as long as `settle`.
    const ended = await server.idle();
    await server.closeThenBlock(() => ended.close(), { ...PATIENT, settle: 3_000, established: 4 });
    expect(await idle.receive()).toEqual(JUST_EOF);
    await idle.close();
    await begun.reset();
    await server.timeOut(PATIENT, 2);
    expect((await hanging.receive()).end).toBe('eof');
    await hanging.close();
    await held.close();
    // Connections whose peers had gone need no linger.
    expect(await server.report()).toMatchObject({ idle: 1, finished: 2, cut: 2, aborted: false });
  });

  test('a server that never listened', async () => {
    await using server = await host.serve('http', { listens: false });
    await server.close();
    expect(await server.report()).toEqual(reported({}));
    // As server.close() does.
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('a server that is already closed', async () => {
    await using server = await host.serve('http');
    await server.call('serverClose');
    await server.close();
    expect(await server.report()).toEqual(reported({}));
    // As a second server.close() does.
    expect(await server.state()).toEqual({ listening: false, closeEvents: 2, connections: 0 });
  });

  test('the port is free at once, and the server can listen there and be closed again', async () => {
    await using server = await host.serve('http');
    for (let round = 1; round <= 3; round++) {
      const peer = await server.idle();
      await server.close(PATIENT);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ idle: 1, finished: 0, cut: 0 });
      expect((await server.state()).closeEvents).toBe(round);
      await server.listen(server.address.port);
    }
  });

  test.each([{}, false] as const)(
    'nothing is left behind on the server or in the process: lingerOnClose %o',
    async (attach) => {
      await using server = await host.serve('http', { attach });
      const before = await server.call('traces');
      const peer = await server.idle();
      await server.close({ ...PATIENT, signal: 'controller' });
      expect(await server.call('traces')).not.toEqual(before);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      await server.report();
      expect(await server.call('traces')).toEqual(before);
    },
  );

  test('a second shutdown has its own figures', async () => {
    await using server = await host.serve('http');
    const first = await server.idle();
    await server.close(PATIENT);
    expect(await first.receive()).toEqual(JUST_EOF);
    await first.close();
    await server.report();
    expect(await server.close(PATIENT)).toBe(false);
    expect(await server.report()).toEqual(reported({}));
  });

  test('lingerOnClose was disabled before: waits for lingers that have begun', async () => {
    await using server = await host.serve('http', { attach: { when: 'always', idleTimeout: 60_000, timeout: 60_000 } });
    const peer = await server.idle();
    await server.call('destroySockets');
    expect(await peer.receive()).toEqual(JUST_EOF);
    await server.call('detach');
    await server.close(PATIENT);
    let settled = false;
    const report = server.report().then((it) => {
      settled = true;
      return it;
    });
    while ((await server.state()).listening);
    expect(settled).toBe(false);
    await peer.close();
    // The streams engine lingers on the connection itself.
    expect(await report).toEqual(reported({ finished: engine === 'native' ? 0 : 1, outcomes: { eof: 1 } }));
  });

  test('lingerOnClose is called again meanwhile: the figures stay', async () => {
    await using server = await host.serve('http', { attach: { when: 'always' } });
    const idle = await server.idle();
    const held = await server.request('/held');
    await server.close(PATIENT);
    expect(await idle.receive()).toEqual(JUST_EOF);
    await server.call('attach', { when: 'always' });
    await server.call('release');
    expect(await answer(held)).toMatchObject({ body: 'held' });
    expect(await held.receive()).toEqual(JUST_EOF);
    await idle.close();
    await held.close();
    expect(await server.report()).toEqual(reported({ idle: 1, finished: 1, outcomes: { eof: 2 } }));
  });

  test.skipIf(engine === 'streams')('connections with setLinger are closed like others', async () => {
    await using server = await host.serve('http');
    const idle = await server.idle();
    const held = await server.request('/held');
    const hanging = await server.request('/begun');
    await server.call('setLinger', { seconds: 5 });
    await server.close(PATIENT);
    expect(await idle.receive()).toEqual(JUST_EOF);
    await idle.close();
    await held.close();
    await server.timeOut(PATIENT, 1);
    expect((await hanging.receive()).end).toBe('eof');
    await hanging.close();
    expect(await server.report()).toMatchObject({ idle: 1, finished: 1, cut: 1 });
    expect((await server.state()).connections).toBe(0);
  });

  test.each(['throws', 'does nothing'])('an application whose server.close() %s', async (how) => {
    await using server = await host.serve('http');
    const held = await server.request('/held');
    await server.call('replaceClose', { how });
    await server.close(PATIENT);
    // With no connection left, only the application's own close() could stop the server.
    await expect.poll(async () => (await server.state()).listening, { timeout: 20_000 }).toBe(false);
    await server.call('release');
    expect(await answer(held)).toMatchObject({ body: 'held' });
    await held.close();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
    expect(await server.state()).toMatchObject({ listening: false, connections: 0 });
    if (how === 'throws') expect(await host.next('warning')).toMatchObject({ code: 'LINGERING_CLOSE_CALLBACK' });
  });

  const execArgv = engine === 'streams' ? STREAMS_ENGINE : [];

  test('the process ends by itself, and nothing of the server is left', async () => {
    await using fixture = new Fixture<{ port?: number; resources?: string[] }>('shutdown/close-server-exit', {
      execArgv,
    });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
    await peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await peer.receiveResponse()).toMatchObject({ text: expect.stringContaining('200 OK') });
    fixture.send({ close: true });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    const { resources } = await fixture.next();
    // The pipes of stdio and of the channel to the parent.
    expect(resources?.filter((name) => name !== 'PipeWrap')).toEqual([]);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(fixture.stderr).toBe('');
  });

  test('a cluster worker', async () => {
    await using fixture = new Fixture<{ port?: number; report?: object; code?: number }>(
      'shutdown/close-server-cluster',
      {
        execArgv,
      },
    );
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
    await peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await peer.receiveResponse()).toMatchObject({ text: expect.stringContaining('200 OK') });
    fixture.send({ close: true });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await fixture.next()).toEqual({ report: reported({ idle: 1, outcomes: { eof: 1 } }) });
    expect(await fixture.next()).toEqual({ code: 0 });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test('a Worker that is terminated meanwhile', async () => {
    await using fixture = new Fixture<{ port?: number; code?: number }>('shutdown/close-server-worker', { execArgv });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
    await peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await peer.receiveResponse()).toMatchObject({ text: expect.stringContaining('200 OK') });
    fixture.send({ close: true });
    expect((await peer.receive()).end).toBe('eof');
    expect(await fixture.next()).toEqual({ closing: true });
    fixture.send({ terminate: true });
    expect(await fixture.next()).toEqual({ code: 1 });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});
