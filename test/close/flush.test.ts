// The first stage of a close: what was written goes out, however slowly. Only lack of progress ends this stage.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENGINES, ended, KB, known, MB, SafeCloseHost } from '../support/safe-close-host.ts';

describe.each(ENGINES)('%s engine', (engine) => {
  let server: SafeCloseHost;

  beforeAll(async () => {
    server = await SafeCloseHost.start({ engine });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  // Neither side would ever read: Node's own end() and destroySoon() never finish here.
  test.each(['tcp4', 'tls', 'unix'] as const)('%s: two sides that only write', async (transport) => {
    await using other = await SafeCloseHost.start({ engine, transport });
    await using connection = await other.connect();
    const { peer } = connection;
    await connection.do(['write', 20 * MB], ['safeClose']);
    expect(await peer.send(90 * MB)).toEqual({ sent: 90 * MB });
    expect(await peer.receive()).toMatchObject({ received: 20 * MB, end: 'eof' });
    await peer.close();
    const discardedBytes = transport === 'tls' ? expect.any(Number) : 90 * MB;
    expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes }));
  });

  test('a slow reader is not cut off by idleTimeout', async () => {
    await using connection = await server.connect({ receiveBuffer: 64 * KB });
    const { peer } = connection;
    // The peer starts to read before there is anything, so that a busy machine does no harm. A stall of a second would
    // not be the peer's own.
    const received = peer.receive(undefined, { step: 64 * KB, pause: 22 });
    await connection.do(['write', 3 * MB], ['safeClose', { idleTimeout: 1_000 }]);
    expect(await received).toMatchObject({ received: 3 * MB, end: 'eof' });
    await peer.close();
    const report = await connection.report();
    expect(report.duration).toBeGreaterThan(1_000);
    // The streams engine cannot see what is in the kernel, and may then end the close as idle. Nothing is lost by that.
    if (engine === 'native') expect(report).toEqual(ended(engine, 'eof'));
    else expect(report).toEqual(ended(engine, expect.stringMatching(/^(eof|idle)$/) as never));
  });

  test('timeout does not cut off a slow reader: it starts with our FIN', async () => {
    await using connection = await server.connect({ receiveBuffer: 256 * KB });
    const { peer } = connection;
    const closed = connection.ask('closed');
    const received = peer.receive(undefined, { step: 256 * KB, pause: 32 });
    await connection.do(['write', 16 * MB], ['safeClose', { timeout: 1_000 }]);
    await closed;
    expect(await received).toMatchObject({ received: 16 * MB, end: 'eof' });
    expect((await connection.report()).duration).toBeGreaterThan(2_000);
  });

  test('timeout ends a close whose peer drips bytes and takes none', async () => {
    // Only the close reads: the first byte is there in time, however slow the machine is.
    await using other = await SafeCloseHost.start({ engine, options: { pauseOnConnect: true } });
    await using connection = await other.connect();
    await connection.peer.send(1);
    await connection.do(['write', 16 * MB], ['safeClose', { idleTimeout: 2_000, timeout: 300 }]);
    expect((await connection.peer.drip(10_000, 10)).error).toMatch(/^(EPIPE|ECONNRESET)$/);
    const report = await connection.report();
    const figures = {
      delivered: false,
      discardedBytes: expect.any(Number),
      unackedBytes: known(engine, expect.any(Number)),
    };
    expect(report).toEqual(ended(engine, 'timeout', figures));
    expect(report.discardedBytes).toBeGreaterThan(0);
    expect(report.duration).toBeGreaterThanOrEqual(300);
  });

  test("a RST of the peer is no uncaught error, even without an 'error' listener", async () => {
    await using connection = await server.connect();
    const closed = connection.ask('closed');
    await connection.do(['write', 16 * MB], ['safeClose']);
    await connection.peer.reset();
    expect(await connection.report()).toMatchObject({ outcome: 'peer-reset' });
    expect(await closed).toEqual({ hadError: true });
    await using next = await server.connect();
    await next.do(['write', 10], ['safeClose']);
    expect(await next.peer.receive()).toMatchObject({ received: 10, end: 'eof' });
  });

  // Above the limit the input is no longer read, but output still goes out until all of it is in the kernel. Unread
  // input then makes the close a RST.
  test('maxBytes does not stop the flush, and ends the close after it', async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    await connection.do(['write', 16 * MB], ['safeClose', { maxBytes: 1_000, idleTimeout: 10_000 }]);
    await peer.send(MB);
    expect((await peer.receive()).received).toBeGreaterThan(8 * MB);
    const report = await connection.report();
    expect(report).toMatchObject({ outcome: 'max-bytes', engine });
    expect(report.discardedBytes).toBeGreaterThan(1_000);
    expect(report.discardedBytes).toBeLessThan(200_000);
  });

  test('a flood that exceeds maxBytes during the flush is no longer read', async () => {
    await using connection = await server.connect({ receiveBuffer: 4 * KB });
    await connection.do(['write', 16 * MB], ['safeClose', { maxBytes: 1_000, idleTimeout: 500 }]);
    // The peer takes nothing, and is stopped long before it has sent all: its write fails when the close gives up.
    const { sent, error } = await connection.peer.send(100 * MB);
    expect(error).toMatch(/ECONNRESET|EPIPE/);
    expect(sent).toBeLessThan(50 * MB);
    expect(await connection.report()).toMatchObject({ outcome: 'idle', discardedBytes: expect.any(Number) });
  });
});
