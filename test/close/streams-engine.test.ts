// Only what is special to the streams engine. The outcomes that both engines share are tested together.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ended, MB, SafeCloseHost } from '../support/safe-close-host.ts';

describe('without the addon', () => {
  let server: SafeCloseHost;

  beforeAll(async () => {
    server = await SafeCloseHost.start({ engine: 'streams' });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("until 'delivered' waits for EOF, because acknowledgements cannot be seen", async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    await connection.do(['write', 10], ['safeClose', { until: 'delivered' }]);
    expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    await peer.send(MB);
    expect(await connection.ask('settled')).toBe(false);
    await peer.close();
    expect(await connection.report()).toEqual(ended('streams', 'eof', { discardedBytes: MB }));
  });

  test('destroy() by the application does not cut the linger, although it is still the same socket', async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    await connection.do(['write', 10], ['safeClose']);
    expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    await connection.do(['destroy'], ['destroySoon']);
    expect(await peer.send(MB)).toEqual({ sent: MB });
    await peer.close();
    expect(await connection.report()).toEqual(ended('streams', 'eof', { discardedBytes: MB }));
  });

  test('destroy() with an error does', async () => {
    await using connection = await server.connect();
    await connection.do(['write', 10], ['safeClose']);
    expect(await connection.peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    await connection.do(['destroy', 'enough']);
    expect(await connection.report()).toMatchObject({ outcome: 'error', error: { message: 'enough' } });
  });
});

test('settles although the application has removed every listener from the socket', async () => {
  await using fixture = new Fixture<{ port: number }>('close/streams-engine-listeners', { execArgv: STREAMS_ENGINE });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  expect(await fixture.next()).toEqual({ removed: true });
  await peer.reset();
  // Nothing else keeps the process alive.
  expect(await fixture.next()).toEqual({ outcome: expect.stringMatching(/^(timeout|closed|peer-reset|error)$/) });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

describe('beside the native engine', () => {
  test('TLS over a stream, which has no descriptor', async () => {
    await using fixture = new Fixture('close/safe-close-duplex');
    const { report, ...rest } = await fixture.next();
    expect(report).toEqual(ended('streams', 'eof', { discardedBytes: expect.any(Number) }));
    expect(rest).toEqual({ received: 500_000, destroyed: true });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test.each([
    ['stall', 'timeout'],
    ['destroy', 'closed'],
  ])('a TLS socket over a stream, whose flush ends by %s', async (how, outcome) => {
    await using fixture = new Fixture('close/safe-close-duplex', { args: ['flush', how] });
    expect(await fixture.next()).toMatchObject({ report: { outcome, engine: 'streams', delivered: false } });
  });

  // `cat file | node tool.js`: a net.Socket over a pipe of pipe(2).
  test('a pipe: closed through the streams engine, with the reason', async () => {
    await using fixture = new Fixture<{ report: object }>('close/safe-close-pipe', {
      prefix: ['sh', '-c', 'echo x | "$0" "$@"'],
    });
    const error = expect.objectContaining({ name: 'SocketError', code: 'ENOTSOCK', syscall: 'getsockopt' });
    expect((await fixture.next()).report).toMatchObject({ outcome: 'eof', engine: 'streams', error });
  });

  test('EMFILE at the duplicate: closed through the streams engine, with the reason', async () => {
    await using fixture = new Fixture<{ port: number; report: object }>('close/safe-close-emfile', {
      prefix: ['sh', '-c', 'ulimit -n 100 && exec "$0" "$@"'],
    });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    expect(await peer.send(MB)).toEqual({ sent: MB });
    expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    await peer.close();
    const error = expect.objectContaining({ name: 'SocketError', code: 'EMFILE', errno: -24, syscall: 'fcntl' });
    const { report } = await fixture.next();
    expect(report).toEqual(ended('streams', 'eof', { discardedBytes: expect.any(Number), error }));
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});
