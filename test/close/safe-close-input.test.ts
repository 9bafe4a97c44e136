// The input of safeClose: arguments, sockets in all states, second calls.
import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getLinger, pendingBytes, safeClose, send, setLinger, unackedBytes } from '../../src/index.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { connectPair, rawDescriptor } from '../support/pair.ts';
import { type Connection, ENGINES, ended, KB, known, MB, SafeCloseHost } from '../support/safe-close-host.ts';

const call = (socket: unknown, options?: unknown) => () => safeClose(socket as never, options as never);
const coded = (name: string, code: string) => expect.objectContaining({ name, code });

describe('arguments', () => {
  test.each([
    undefined,
    null,
    '3',
    3n,
    true,
    {},
    [],
    { fd: 3 },
    () => {},
    Symbol('socket'),
    Object.create(null),
    Object.create(Socket.prototype),
  ])('%o is not a socket', (socket) => {
    expect(call(socket)).toThrow(coded('TypeError', 'ERR_INVALID_ARG_TYPE'));
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('%d is not a descriptor', (socket) => {
    expect(call(socket)).toThrow(coded('RangeError', 'ERR_OUT_OF_RANGE'));
  });

  test('bad options throw, name the option, and change nothing', async () => {
    await using pair = await connectPair();
    const { socket, peer } = pair;
    const looks = () => [
      socket.eventNames().map((name) => [name, socket.listenerCount(name)]),
      Object.hasOwn(socket, 'destroy'),
      getLinger(socket),
    ];
    const before = looks();
    const bad: [options: unknown, error: unknown, name: string][] = [
      ...[null, 1, 'linger', true, [], () => {}].map(
        (options) => [options, coded('TypeError', 'ERR_INVALID_ARG_TYPE'), 'options'] as never,
      ),
      ...['Linger', '', null, 1, {}].map(
        (mode) => [{ mode }, coded('TypeError', 'ERR_INVALID_ARG_VALUE'), 'options.mode'] as never,
      ),
      ...['EOF', '', null, 1].map(
        (until) => [{ until }, coded('TypeError', 'ERR_INVALID_ARG_VALUE'), 'options.until'] as never,
      ),
      ...['idleTimeout', 'timeout', 'minRate', 'maxBytes'].flatMap((limit) => [
        ...['5', null, 5n, {}].map(
          (value) => [{ [limit]: value }, coded('TypeError', 'ERR_INVALID_ARG_TYPE'), `options.${limit}`] as never,
        ),
        ...[-1, Number.NaN, -Infinity].map(
          (value) => [{ [limit]: value }, coded('RangeError', 'ERR_OUT_OF_RANGE'), `options.${limit}`] as never,
        ),
      ]),
      ...[null, {}, 'abort', new AbortController(), { aborted: false, addEventListener() {} }].map(
        (signal) => [{ signal }, coded('TypeError', 'ERR_INVALID_ARG_TYPE'), 'options.signal'] as never,
      ),
      ...[null, 1, 'true'].map((ref) => [{ ref }, coded('TypeError', 'ERR_INVALID_ARG_TYPE'), 'options.ref'] as never),
    ];
    for (const [options, error, name] of bad) {
      expect(call(socket, options)).toThrow(error as Error);
      expect(call(socket, options)).toThrow(`"${name}"`);
    }
    expect(looks()).toEqual(before);
    expect(socket.destroyed).toBe(false);
    socket.write('still alive');
    expect(await peer.receive(11)).toEqual({ received: 11, tail: 'still alive' });
  });

  test('a socket that cannot be extended is refused, and not changed', async () => {
    await using pair = await connectPair();
    const { socket, peer } = pair;
    Object.preventExtensions(socket);
    expect(call(socket)).toThrow(coded('TypeError', 'ERR_INVALID_ARG_VALUE'));
    expect(() => setLinger(socket, 2)).toThrow(coded('TypeError', 'ERR_INVALID_ARG_VALUE') as Error);
    expect(getLinger(rawDescriptor(socket))).toBe(false);
    socket.write('still alive');
    expect(await peer.receive(11)).toEqual({ received: 11, tail: 'still alive' });
  });

  test('a socket that cannot be extended is accepted where its close is not watched', async () => {
    await using pair = await connectPair();
    const { socket, peer } = pair;
    Object.preventExtensions(socket);
    setLinger(socket, 0);
    expect(getLinger(socket)).toBe(0);
    setLinger(socket, false);
    expect(getLinger(socket)).toBe(false);
    expect(pendingBytes(socket)).toBe(0);
    expect(send(socket, Buffer.from('still alive'))).toBe(11);
    expect(await peer.receive(11)).toEqual({ received: 11, tail: 'still alive' });
    expect(unackedBytes(socket)).toBeLessThanOrEqual(11);
  });

  test('a bad second call throws too', async () => {
    await using pair = await connectPair();
    const closing = safeClose(pair.socket);
    expect(call(pair.socket, { mode: 'no such mode' })).toThrow(coded('TypeError', 'ERR_INVALID_ARG_VALUE'));
    await pair.peer.close();
    expect((await closing).outcome).toBe('eof');
  });

  test('undefined options are defaults, and Infinity is no limit', async () => {
    await using pair = await connectPair();
    const none = { mode: undefined, until: undefined, signal: undefined, ref: undefined };
    const closing = safeClose(pair.socket, { ...none, idleTimeout: Infinity, timeout: Infinity, maxBytes: Infinity });
    await pair.peer.send(10);
    await pair.peer.close();
    expect(await closing).toEqual(ended('native', 'eof', { discardedBytes: 10 }));
  });

  test('a limit of 0 milliseconds ends at once', async () => {
    await using pair = await connectPair();
    expect(await safeClose(pair.socket, { idleTimeout: 0 })).toMatchObject({ outcome: 'idle' });
    await using other = await connectPair();
    expect(await safeClose(other.socket, { timeout: 0 })).toMatchObject({ outcome: 'timeout' });
  });

  test('the socket of an HTTP/2 session is refused', async () => {
    await using fixture = new Fixture('close/safe-close-http2');
    const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('HTTP/2') };
    expect(await fixture.next()).toEqual({ answers: [refusal, refusal] });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});

describe.each(ENGINES)('%s engine', (engine) => {
  test('sockets that are not connected', async () => {
    await using fixture = new Fixture('close/safe-close-states', {
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
    });
    const report = ended(engine, 'closed', { delivered: null, unackedBytes: null });
    for (const state of ['never connected', 'connecting', 'destroyed', 'closed']) {
      expect(await fixture.next()).toEqual({ state, report, destroyed: true, later: 'closed' });
    }
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  describe('a second call', () => {
    let server: SafeCloseHost;

    beforeAll(async () => {
      server = await SafeCloseHost.start({ engine, options: { pauseOnConnect: true } });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test('gives the same promise in the same tick, later, and after the end', async () => {
      await using connection = await server.connect();
      expect(await connection.do(['safeClose'], ['safeClose', { idleTimeout: 1 }])).toEqual([false, true]);
      expect(await connection.ask('safeClose')).toBe(true);
      await connection.peer.close();
      const report = await connection.report();
      expect(report).toEqual(ended(engine, 'eof'));
      expect(await connection.ask('safeClose', { mode: 'reset' })).toBe(true);
      expect(await connection.report()).toEqual(report);
    });

    test("mode 'reset' cuts the flush", async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      await connection.do(['write', 8 * MB], ['safeClose']);
      await connection.peer.receive(MB);
      expect(await connection.ask('safeClose', { mode: 'reset' })).toBe(true);
      expect(await connection.peer.untilBroken()).toBe('ECONNRESET');
      const figures = { delivered: known(engine, false), unackedBytes: known(engine, expect.any(Number)) };
      expect(await connection.report()).toEqual(ended(engine, 'reset', figures));
    });

    test("mode 'reset' cuts the linger", async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['safeClose']);
      expect(await peer.receive()).toMatchObject({ end: 'eof' });
      expect(await connection.ask('safeClose', { mode: 'reset' })).toBe(true);
      expect(await peer.untilBroken()).toBe('EPIPE');
      expect(await connection.report()).toMatchObject({ outcome: 'reset', engine });
    });
  });

  // Through the streams engine the FIN cannot be called back.
  const end = engine === 'native' ? 'a RST' : 'the FIN that was on its way';
  const reset = async ({ peer }: Connection) => {
    if (engine === 'native') expect(await peer.untilBroken()).toBe('ECONNRESET');
    else expect(await peer.receive()).toMatchObject({ received: 10 });
  };

  test(`mode 'reset' in the same tick as another call: ${end}`, async () => {
    await using server = await SafeCloseHost.start({ engine });
    await using connection = await server.connect();
    await connection.do(['write', 10], ['safeClose'], ['safeClose', { mode: 'reset' }]);
    await reset(connection);
    expect(await connection.report()).toMatchObject({ outcome: 'reset', engine });
  });

  test.each(['tcp4', 'tls'] as const)(
    `%s: mode 'reset' right after end(): ${end}, 'close', and no descriptor left`,
    async (transport) => {
      await using server = await SafeCloseHost.start({ engine, transport });
      await using connection = await server.connect();
      const before = await server.ask(['descriptors']);
      const closed = connection.ask('closed');
      await connection.do(['end', 10], ['safeClose', { mode: 'reset' }]);
      await reset(connection);
      expect(await connection.report()).toMatchObject({ outcome: 'reset', engine });
      expect(await closed).toEqual({ hadError: false });
      expect(await server.ask(['descriptors'])).toBe(before - 1);
    },
  );
});
