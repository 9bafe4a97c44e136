// The first stage of a close: what was written goes out, however slowly, and nothing but lack of progress ends it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CloseServer, ENGINES, ended, KB, known, MB } from '../support/safe-close-host.ts';

describe.each(ENGINES)('%s engine', (engine) => {
  let server: CloseServer;

  beforeAll(async () => {
    server = await CloseServer.start({ engine });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  // Neither would ever read: Node's own end() and destroySoon() never finish here.
  test.each(['tcp4', 'tls', 'unix'] as const)('%s: two sides that only write', async (transport) => {
    await using other = await CloseServer.start({ engine, transport });
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
    // Reads before there is anything, so that nobody has to be quick; a stall of a second would be none of its doing.
    const received = peer.receive(undefined, { step: 64 * KB, pause: 22 });
    await connection.do(['write', 3 * MB], ['safeClose', { idleTimeout: 1_000 }]);
    expect(await received).toMatchObject({ received: 3 * MB, end: 'eof' });
    await peer.close();
    const report = await connection.report();
    expect(report.duration).toBeGreaterThan(1_000);
    // What is in the kernel is out of sight of the streams engine, which then may take it for idle; nothing is lost by that.
    if (engine === 'native') expect(report).toEqual(ended(engine, 'eof'));
    else expect(report).toEqual(ended(engine, expect.stringMatching(/^(eof|idle)$/) as never));
  });

  test('nor by timeout, which begins with our FIN', async () => {
    await using connection = await server.connect({ receiveBuffer: 256 * KB });
    const { peer } = connection;
    const closed = connection.ask('closed');
    const received = peer.receive(undefined, { step: 256 * KB, pause: 32 });
    await connection.do(['write', 16 * MB], ['safeClose', { timeout: 1_000 }]);
    await closed;
    expect(await received).toMatchObject({ received: 16 * MB, end: 'eof' });
    expect((await connection.report()).duration).toBeGreaterThan(2_000);
  });

  test('a peer that drips, and takes nothing, is ended by timeout', async () => {
    // Nothing is read but by the close: the first byte is there in time, whoever is late.
    await using other = await CloseServer.start({ engine, options: { pauseOnConnect: true } });
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

  test("a peer's RST is no uncaught error, though nobody listens for one", async () => {
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

  // Over the limit the peer is read no more, but output still goes out, until it is all in the kernel; what is unread then makes the close a RST.
  test('maxBytes does not stop the flush, and ends the close behind it', async () => {
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

  test('a flood that goes on during the flush is read no more over maxBytes', async () => {
    await using connection = await server.connect({ receiveBuffer: 4 * KB });
    await connection.do(['write', 16 * MB], ['safeClose', { maxBytes: 1_000, idleTimeout: 500 }]);
    // It takes nothing, and is stopped long before it has sent all: its write fails when the close gives up.
    const { sent, error } = await connection.peer.send(100 * MB);
    expect(error).toMatch(/ECONNRESET|EPIPE/);
    expect(sent).toBeLessThan(50 * MB);
    expect(await connection.report()).toMatchObject({ outcome: 'idle', discardedBytes: expect.any(Number) });
  });
});
