// How a close ends: every outcome of CloseReport, caused by a peer that makes plain system calls.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TcpAbortCounters } from '../../src/index.ts';
import { cutNetwork } from '../support/enter-netns.ts';
import { NETNS_SKIPPED, netns, netnsPermitted } from '../support/netns.ts';
import {
  type CloseOptions,
  ENGINES,
  ended,
  KB,
  known,
  MB,
  SafeCloseHost,
  type Step,
  type Transport,
} from '../support/safe-close-host.ts';

const TRANSPORTS: Transport[] = ['tcp4', 'tcp6', 'unix', 'tls'];

describe.each(ENGINES)('%s engine', (engine) => {
  let server: SafeCloseHost;

  beforeAll(async () => {
    // Only the close reads: what the peer sends stays in the kernel until then.
    server = await SafeCloseHost.start({ engine, options: { pauseOnConnect: true, allowHalfOpen: true } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe('eof', () => {
    test('a peer that reads to the end and closes', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['write', 10], ['safeClose']);
      expect(await peer.receive()).toEqual({ received: 10, tail: 'x'.repeat(10), end: 'eof' });
      expect(await connection.ask('settled')).toBe(false);
      await peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof'));
    });

    test.each(TRANSPORTS)('%s: a peer that uploads 8 MB before it reads', async (transport) => {
      await using other = await SafeCloseHost.start({ engine, transport });
      await using connection = await other.connect();
      const { peer } = connection;
      await connection.do(['write', 64 * KB], ['safeClose']);
      expect(await peer.send(8 * MB)).toEqual({ sent: 8 * MB });
      expect(await peer.receive()).toMatchObject({ received: 64 * KB, end: 'eof' });
      await peer.close();
      const report = await connection.report();
      // A TLS socket counts records, not bytes.
      const discardedBytes = transport === 'tls' ? expect.any(Number) : 8 * MB;
      expect(report).toEqual(ended(engine, 'eof', { discardedBytes }));
      expect(report.discardedBytes).toBeGreaterThanOrEqual(8 * MB);
    });

    test('a peer that is uploading at the time of the call', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await peer.send(50 * KB);
      await connection.do(['write', 64 * KB], ['safeClose']);
      expect(await peer.send(8 * MB)).toEqual({ sent: 8 * MB });
      expect(await peer.receive()).toMatchObject({ received: 64 * KB, end: 'eof' });
      await peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes: 8 * MB + 50 * KB }));
    });

    // The peer's EOF is there long before the end. A close at that moment would still deliver on Linux, but we could
    // not know that.
    test('a peer that has half-closed, with 4 MB still on their way to it', async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      const { peer } = connection;
      await peer.shutdown();
      await connection.do(['write', 4 * MB], ['safeClose']);
      await peer.receive(MB);
      expect(await connection.ask('settled')).toBe(false);
      expect(await peer.receive()).toMatchObject({ received: 3 * MB, end: 'eof' });
      expect(await connection.report()).toEqual(ended(engine, 'eof'));
    });

    test('a socket that was ended, and has sent its FIN, before the call', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['end', 10]);
      expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
      await connection.do(['safeClose']);
      expect(await peer.send(MB)).toEqual({ sent: MB });
      await peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes: MB }));
    });

    // Node.js adds a 'finish' listener in each call.
    test.each([1, 2])('a socket with destroySoon() under way, calls: %d', async (calls) => {
      await using connection = await server.connect();
      const { peer } = connection;
      await peer.send(50 * KB);
      await connection.do(['write', 64 * KB], ...Array<Step>(calls).fill(['destroySoon']), ['safeClose']);
      expect(await peer.send(MB)).toEqual({ sent: MB });
      expect(await peer.receive()).toMatchObject({ received: 64 * KB, end: 'eof' });
      await peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes: MB + 50 * KB }));
    });
  });

  describe('drained', () => {
    test('what has arrived is discarded, and the peer reads everything', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await peer.send(50 * KB);
      await connection.do(['write', 64 * KB], ['safeClose', { mode: 'drain' }]);
      const figures = {
        discardedBytes: 50 * KB,
        delivered: known(engine, expect.any(Boolean)),
        unackedBytes: known(engine, expect.any(Number)),
      };
      expect(await connection.report()).toEqual(ended(engine, 'drained', figures));
      expect(await peer.receive()).toMatchObject({ received: 64 * KB, end: 'eof' });
    });

    test('data that comes later is answered with RST', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['safeClose', { mode: 'drain' }]);
      await connection.report();
      await peer.send(1);
      expect(await peer.untilBroken()).toBe('EPIPE');
    });
  });

  describe('reset', () => {
    const figures = { delivered: known(engine, false), unackedBytes: known(engine, expect.any(Number)) };

    const resettable = ['tcp4', 'tcp6', ...(engine === 'native' ? ['tls' as const] : [])] as const;
    test.each(resettable)('%s: the peer gets a RST', async (transport) => {
      await using other = await SafeCloseHost.start({ engine, transport });
      await using connection = await other.connect();
      const before = await connection.ask('descriptors');
      const closed = connection.ask('closed');
      await connection.do(['safeClose', { mode: 'reset' }]);
      expect(await connection.peer.untilBroken()).toBe('ECONNRESET');
      expect(await connection.report()).toEqual(ended(engine, 'reset', figures));
      expect(await closed).toEqual({ hadError: false });
      expect(await connection.ask('descriptors')).toBe(Number(before) - 1);
    });

    const onStreams = engine === 'streams' ? test : undefined;
    onStreams?.('tls: closes at once, for JavaScript has no RST there', async () => {
      await using other = await SafeCloseHost.start({ engine, transport: 'tls' });
      await using connection = await other.connect();
      const closed = connection.ask('closed');
      await connection.do(['safeClose', { mode: 'reset' }]);
      expect((await connection.peer.receive()).end).toEqual(expect.any(String));
      expect(await connection.report()).toEqual(ended(engine, 'reset', figures));
      expect(await closed).toEqual({ hadError: false });
    });

    test('unsent output is lost', async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      const { peer } = connection;
      await connection.do(['write', 8 * MB], ['safeClose', { mode: 'reset' }]);
      expect(await peer.untilBroken()).toBe('ECONNRESET');
      await connection.report();
      expect((await peer.receive()).received).toBeLessThan(8 * MB);
    });

    test('a UNIX socket closes at once', async () => {
      await using other = await SafeCloseHost.start({ engine, transport: 'unix' });
      await using connection = await other.connect();
      await connection.do(['safeClose', { mode: 'reset' }]);
      expect(await connection.report()).toEqual(ended(engine, 'reset', figures));
      expect(await connection.peer.receive()).toMatchObject({ end: 'eof' });
    });
  });

  describe('peer-reset', () => {
    test('in the flush', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 8 * MB], ['safeClose']);
      await connection.peer.reset();
      expect(await connection.report()).toEqual(ended(engine, 'peer-reset', { delivered: false, unackedBytes: null }));
    });

    test('after our FIN', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      const closed = connection.ask('closed');
      await connection.do(['write', 10], ['safeClose']);
      await peer.receive();
      // By then the addon has taken over, and knows that FIN went out.
      if (engine === 'native') await closed;
      // A RST acknowledges nothing, and the kernel may delay the acknowledgement of our FIN: data carries it. But libuv
      // reports an EOF when a RST follows data.
      const discardedBytes = engine === 'native' ? 1 : 0;
      await peer.send(discardedBytes);
      await peer.reset();
      expect(await connection.report()).toEqual(ended(engine, 'peer-reset', { discardedBytes }));
    });
  });

  describe('idle', () => {
    test('a silent peer', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 10], ['safeClose', { idleTimeout: 100 }]);
      const report = await connection.report();
      expect(report).toEqual(ended(engine, 'idle'));
      expect(report.duration).toBeGreaterThanOrEqual(100);
      expect(await connection.peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    });

    test('a peer that does not read, in the flush', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 8 * MB], ['safeClose', { idleTimeout: 100 }]);
      const report = await connection.report();
      expect(report).toEqual(
        ended(engine, 'idle', { delivered: false, unackedBytes: known(engine, expect.any(Number)) }),
      );
      if (engine === 'native') expect(report.unackedBytes).toBeGreaterThan(0);
      expect(report.duration).toBeGreaterThanOrEqual(100);
    });

    test('every received byte restarts the idle time', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['safeClose', { idleTimeout: 1_000 }]);
      await Promise.all([peer.drip(20, 60), peer.close()]);
      const report = await connection.report();
      expect(report).toEqual(ended(engine, 'eof', { discardedBytes: 20 }));
      expect(report.duration).toBeGreaterThan(1_000);
    });
  });

  test('timeout: a peer that drips for ever', async () => {
    await using connection = await server.connect();
    // The first byte is there in time, however slow the machine is.
    await connection.peer.send(1);
    await connection.do(['safeClose', { idleTimeout: 2_000, timeout: 300 }]);
    expect(await connection.peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
    const report = await connection.report();
    expect(report).toEqual(ended(engine, 'timeout', { discardedBytes: expect.any(Number) }));
    expect(report.discardedBytes).toBeGreaterThan(0);
    expect(report.duration).toBeGreaterThanOrEqual(300);
  });

  describe('minRate', () => {
    // A peer that drips every 10 ms sends some 100 bytes a second, and more than 10 on any machine.
    test('a peer that keeps it up goes on beyond timeout', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await peer.send(1_000);
      await connection.do(['safeClose', { timeout: 300, minRate: 10 }]);
      expect(await peer.drip(100, 10)).toEqual({ sent: 100 });
      await peer.close();
      const report = await connection.report();
      expect(report).toEqual(ended(engine, 'eof', { discardedBytes: 1_100 }));
      expect(report.duration).toBeGreaterThan(900);
    });

    test('for no longer than ten times timeout', async () => {
      await using connection = await server.connect();
      await connection.peer.send(1_000);
      await connection.do(['safeClose', { timeout: 100, minRate: 1 }]);
      expect(await connection.peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
      const report = await connection.report();
      expect(report).toMatchObject({ outcome: 'timeout' });
      expect(report.duration).toBeGreaterThanOrEqual(1_000);
      expect(report.duration).toBeLessThan(5_000);
    });

    test('a burst earns the time for which it is enough, and no more', async () => {
      await using connection = await server.connect();
      await connection.peer.send(20_000);
      await connection.do(['safeClose', { timeout: 500, minRate: 10_000 }]);
      expect(await connection.peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
      const report = await connection.report();
      expect(report).toMatchObject({ outcome: 'timeout' });
      expect(report.duration).toBeGreaterThanOrEqual(2_000);
      expect(report.duration).toBeLessThan(4_000);
    });

    test.each([8_000, 0, 1e300])('timeout ends it where the rate is lower, or nothing earns: %d', async (minRate) => {
      await using connection = await server.connect();
      await connection.peer.send(1_000);
      await connection.do(['safeClose', { timeout: 300, minRate }]);
      expect(await connection.peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
      const report = await connection.report();
      expect(report).toMatchObject({ outcome: 'timeout' });
      expect(report.duration).toBeGreaterThanOrEqual(300);
      expect(report.duration).toBeLessThan(2_000);
    });

    test('idleTimeout ends it all the same', async () => {
      await using connection = await server.connect();
      await connection.peer.send(MB);
      await connection.do(['safeClose', { timeout: 300, idleTimeout: 500, minRate: 1 }]);
      expect(await connection.report()).toMatchObject({ outcome: 'idle', discardedBytes: MB });
    });
  });

  describe('max-bytes', () => {
    // The limit may be reached before the peer's TCP acknowledges our FIN.
    const figures = { delivered: known(engine, expect.any(Boolean)), unackedBytes: known(engine, expect.any(Number)) };

    test.each([1_000, 3 * MB])('%i bytes and EOF do not exceed a limit of as many', async (maxBytes) => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['safeClose', { maxBytes }]);
      await peer.send(maxBytes);
      await peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes: maxBytes }));
    });

    test.each([1_000, 3 * MB])('one byte more than %i exceeds the limit', async (maxBytes) => {
      await using connection = await server.connect();
      await connection.do(['safeClose', { maxBytes }]);
      await connection.peer.send(maxBytes + 1);
      expect(await connection.report()).toEqual(ended(engine, 'max-bytes', { ...figures, discardedBytes: maxBytes }));
    });

    test('a limit of 0 allows EOF', async () => {
      await using connection = await server.connect();
      await connection.do(['safeClose', { maxBytes: 0 }]);
      await connection.peer.close();
      expect(await connection.report()).toEqual(ended(engine, 'eof'));
    });

    test('a limit of 0 does not allow one byte', async () => {
      await using connection = await server.connect();
      await connection.peer.send(1);
      await connection.do(['safeClose', { maxBytes: 0 }]);
      expect(await connection.report()).toEqual(ended(engine, 'max-bytes', figures));
    });
  });

  describe('aborted', () => {
    const figures = { delivered: known(engine, false), unackedBytes: known(engine, expect.any(Number)) };

    test('by a signal that is aborted already', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 10], ['safeClose', { signal: 'aborted' }]);
      expect(await connection.peer.untilBroken()).toBe('ECONNRESET');
      expect(await connection.report()).toEqual(ended(engine, 'aborted', figures));
    });

    test('in the flush', async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      await connection.do(['write', 8 * MB], ['safeClose', { signal: 'controller' }]);
      await connection.peer.receive(MB);
      await connection.do(['abort']);
      expect(await connection.peer.untilBroken()).toBe('ECONNRESET');
      expect(await connection.report()).toEqual(ended(engine, 'aborted', figures));
    });

    test('in a linger', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['write', 10], ['safeClose', { signal: 'controller' }]);
      expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
      await peer.send(20);
      await connection.do(['abort']);
      // ECONNRESET in a connection whose peer has already received our FIN.
      expect(await peer.untilBroken()).toBe('EPIPE');
      // After our FIN was acknowledged everything has been delivered, with or without the abort.
      expect(await connection.report()).toEqual(ended(engine, 'aborted', { discardedBytes: expect.any(Number) }));
    });

    test('by AbortSignal.timeout(), an absolute limit', async () => {
      await using connection = await server.connect();
      await connection.do(['safeClose', { signal: 100 }]);
      await connection.peer.drip(10_000, 10);
      const report = await connection.report();
      expect(report).toEqual(ended(engine, 'aborted', { discardedBytes: expect.any(Number) }));
      expect(report.duration).toBeGreaterThanOrEqual(95);
    });

    test('not after the end', async () => {
      await using connection = await server.connect();
      await connection.do(['safeClose', { signal: 'controller' }]);
      await connection.peer.close();
      await connection.report();
      await connection.do(['abort']);
      expect(await connection.report()).toEqual(ended(engine, 'eof'));
    });
  });

  describe('error and closed', () => {
    test('destroy(error) by the application in the flush', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 8 * MB], ['safeClose'], ['destroy', 'enough']);
      const error = {
        name: 'SocketError',
        code: 'ERR_SOCKET',
        message: 'enough',
        cause: { name: 'Error', message: 'enough' },
      };
      expect(await connection.report()).toEqual(
        ended(engine, 'error', { delivered: false, unackedBytes: null, error }),
      );
    });

    test('destroy() by the application in the flush', async () => {
      await using connection = await server.connect();
      await connection.do(['write', 8 * MB], ['safeClose'], ['destroy']);
      expect(await connection.report()).toEqual(ended(engine, 'closed', { delivered: false, unackedBytes: null }));
    });
  });

  test('the application gets no more data', async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    // More than libuv reads at a time: it goes on to the next chunk in the same turn of the loop.
    await peer.send(200 * KB);
    await connection.do(['listen'], ['closeOnData']);
    await peer.send(4 * MB);
    await peer.close();
    await connection.ask('closed');
    const given = await connection.ask<number>('given');
    expect(given).toBeGreaterThan(0);
    // The chunk in whose 'data' event the close was called.
    expect(given).toBeLessThanOrEqual(64 * KB);
    expect(await connection.report()).toEqual(ended(engine, 'eof', { discardedBytes: 200 * KB + 4 * MB - given }));
  });

  test("'close' is emitted, and no descriptor is left", async () => {
    // A host whose earlier connections are all gone.
    await using other = await SafeCloseHost.start({ engine });
    const descriptors: unknown[] = [];
    // The first count is thrown away: a process that has just started may still have a file of its own open.
    for (let i = 0; i < 2; i++) {
      await using connection = await other.connect();
      const closed = connection.ask('closed');
      await connection.do(['write', 10], ['safeClose']);
      await connection.peer.receive();
      await connection.peer.close();
      await connection.report();
      expect(await closed).toEqual({ hadError: false });
      descriptors.push(await other.ask(['descriptors']));
    }
    expect(descriptors[1]).toBe(descriptors[0]);
  });
});

describe('native engine', () => {
  let server: SafeCloseHost;

  beforeAll(async () => {
    server = await SafeCloseHost.start({ options: { pauseOnConnect: true, allowHalfOpen: true } });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describe('delivered', () => {
    test('a peer that has everything and keeps its side open', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['write', MB], ['safeClose', { until: 'delivered' }]);
      expect(await peer.receive()).toMatchObject({ received: MB, end: 'eof' });
      expect(await connection.report()).toEqual(ended('native', 'delivered'));
    });

    test('not before the peer has taken everything', async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      const { peer } = connection;
      await connection.do(['write', MB], ['safeClose', { until: 'delivered' }], ['closed']);
      expect(await connection.ask('settled')).toBe(false);
      await peer.receive(MB / 2);
      expect(await connection.ask('settled')).toBe(false);
      expect(await peer.receive()).toMatchObject({ received: MB / 2, end: 'eof' });
      expect(await connection.report()).toEqual(ended('native', 'delivered'));
    });

    test('what the peer sends meanwhile is discarded', async () => {
      await using connection = await server.connect({ receiveBuffer: 4 * KB });
      const { peer } = connection;
      await connection.do(['write', MB], ['safeClose', { until: 'delivered' }], ['closed']);
      expect(await peer.send(3 * MB)).toEqual({ sent: 3 * MB });
      expect(await peer.receive()).toMatchObject({ received: MB, end: 'eof' });
      expect(await connection.report()).toEqual(ended('native', 'delivered', { discardedBytes: 3 * MB }));
    });

    test('UNIX: when the peer has read it', async () => {
      await using other = await SafeCloseHost.start({ transport: 'unix' });
      await using connection = await other.connect();
      await connection.do(['write', 10], ['safeClose', { until: 'delivered' }], ['closed']);
      expect(await connection.ask('settled')).toBe(false);
      await connection.peer.receive(10);
      expect(await connection.report()).toEqual(ended('native', 'delivered'));
    });
  });

  // Already handed over, because the kernel has taken everything: with EOF alone such a linger would end at once.
  test('waits for a half-closed peer with output in the kernel only', async () => {
    await using connection = await server.connect({ receiveBuffer: 4 * KB });
    const { peer } = connection;
    await peer.shutdown();
    await connection.do(['write', MB], ['safeClose'], ['closed']);
    await peer.receive(MB / 2);
    expect(await connection.ask('settled')).toBe(false);
    expect(await peer.receive()).toMatchObject({ received: MB / 2, end: 'eof' });
    expect(await connection.report()).toEqual(ended('native', 'eof'));
  });

  // The addon raises SO_RCVLOWAT for such a peer, in two steps, and would then not notice the few bytes that follow.
  describe.each([0.5, 3])('a bulk sender of %d MB that falls silent', (size) => {
    test('is idle, and its last bytes are counted', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      // The peer's steps follow each other without a message from us. They begin before the close, which then has
      // something to read.
      const sent = Promise.all([peer.send(size * MB), peer.drip(5, 10)]);
      await connection.do(['safeClose', { idleTimeout: 500 }]);
      await sent;
      expect(await connection.report()).toEqual(ended('native', 'idle', { discardedBytes: size * MB + 5 }));
    });

    test('is not idle while it drips', async () => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['safeClose', { idleTimeout: 1_000 }]);
      await Promise.all([peer.send(size * MB), peer.drip(20, 60), peer.close()]);
      expect(await connection.report()).toEqual(ended('native', 'eof', { discardedBytes: size * MB + 20 }));
    });
  });

  test('a peer that vanishes before it reads: the report has the unacknowledged bytes', async () => {
    await using connection = await server.connect({ receiveBuffer: 4 * KB });
    await connection.do(['write', MB], ['safeClose', { idleTimeout: 200 }], ['closed']);
    const report = await connection.report();
    expect(report).toEqual(ended('native', 'idle', { delivered: false, unackedBytes: expect.any(Number) }));
    expect(report.unackedBytes).toBeGreaterThan(MB / 2);
  });

  test('1 GB is discarded without stopping the event loop', async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    await connection.do(['safeClose'], ['watchLoop']);
    expect(await peer.send(1 << 30)).toEqual({ sent: 1 << 30 });
    await peer.close();
    expect(await connection.report()).toEqual(ended('native', 'eof', { discardedBytes: 1 << 30 }));
    expect(await connection.ask('longestTurn')).toBeGreaterThan(0);
    expect(await connection.ask('longestTurn')).toBeLessThan(200);
  });
});

// What the kernel itself counts, in a namespace without other connections.
describe.skipIf(!netnsPermitted())(`in a network namespace${NETNS_SKIPPED}`, () => {
  let server: SafeCloseHost;
  let before: TcpAbortCounters;

  /** The counts since the test began. */
  async function counted(): Promise<Partial<TcpAbortCounters>> {
    const { abortOnClose, abortOnData, resetsSent } = await server.ask<TcpAbortCounters>(['counters']);
    return {
      abortOnClose: abortOnClose - before.abortOnClose,
      abortOnData: abortOnData - before.abortOnData,
      resetsSent: resetsSent - before.resetsSent,
    };
  }
  const NO_RESET = { abortOnClose: 0, abortOnData: 0, resetsSent: 0 };

  beforeAll(async () => {
    server = await SafeCloseHost.start({ prefix: netns(), options: { pauseOnConnect: true, allowHalfOpen: true } });
  });
  beforeEach(async () => {
    before = await server.ask<TcpAbortCounters>(['counters']);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test('control: a plain destroy() with unread data is a reset', async () => {
    await using connection = await server.connect();
    await connection.peer.send(10);
    await connection.do(['destroy'], ['closed']);
    expect(await counted()).toEqual({ abortOnClose: 1, abortOnData: 0, resetsSent: 1 });
  });

  test.each<CloseOptions>([{}, { mode: 'drain' }, { until: 'delivered' }])(
    'no reset, with unread data: %o',
    async (options) => {
      await using connection = await server.connect();
      const { peer } = connection;
      await peer.send(50 * KB);
      await connection.do(['write', MB], ['safeClose', options]);
      expect(await peer.receive()).toMatchObject({ received: MB, end: 'eof' });
      await peer.close();
      await connection.report();
      expect(await counted()).toEqual(NO_RESET);
    },
  );

  test('no reset for an upload that goes on', async () => {
    await using connection = await server.connect();
    const { peer } = connection;
    await connection.do(['write', MB], ['safeClose']);
    expect(await peer.send(8 * MB)).toEqual({ sent: 8 * MB });
    expect(await peer.receive()).toMatchObject({ received: MB, end: 'eof' });
    await peer.close();
    await connection.report();
    expect(await counted()).toEqual(NO_RESET);
  });

  test('no reset at a limit, because the input is discarded first', async () => {
    await using connection = await server.connect();
    await connection.peer.send(50 * KB);
    await connection.do(['safeClose', { idleTimeout: 100 }]);
    expect(await connection.report()).toMatchObject({ outcome: 'idle', discardedBytes: 50 * KB });
    expect(await counted()).toEqual(NO_RESET);
  });

  // The connection is in TIME_WAIT then, which counts only what it sends.
  test.each<CloseOptions>([{ idleTimeout: 100 }, { timeout: 100 }])(
    'a peer that sends on behind the end is reset, and only resetsSent tells: %o',
    async (options) => {
      await using connection = await server.connect();
      const { peer } = connection;
      await connection.do(['write', 10], ['safeClose', options]);
      expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
      expect(await connection.report()).toMatchObject({ delivered: true });
      expect(await peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
      const { resetsSent, ...aborts } = await counted();
      expect(aborts).toEqual({ abortOnClose: 0, abortOnData: 0 });
      expect(resetsSent).toBeGreaterThan(0);
    },
  );

  test.each<[string, ...Step[]]>([
    ["mode 'reset'", ['safeClose', { mode: 'reset' }]],
    ["mode 'reset' behind end()", ['end', 10], ['safeClose', { mode: 'reset' }]],
    ["a second call with mode 'reset'", ['write', 10], ['safeClose'], ['safeClose', { mode: 'reset' }]],
    ['a signal that is aborted', ['safeClose', { signal: 'aborted' }]],
    ['an abort', ['safeClose', { signal: 'controller' }], ['abort']],
  ])('%s is one RST', async (_name, ...steps) => {
    await using connection = await server.connect();
    await connection.do(...steps);
    await connection.report();
    expect(await connection.peer.untilBroken()).toBe('ECONNRESET');
    expect(await counted()).toEqual({ abortOnClose: 0, abortOnData: 1, resetsSent: 1 });
  });

  // The last test: after it the namespace has no network.
  test('a peer that has vanished', async () => {
    await using connection = await server.connect();
    cutNetwork(server.pid);
    await connection.do(['write', 10], ['safeClose', { idleTimeout: 300 }]);
    expect(await connection.report()).toEqual(ended('native', 'idle', { delivered: false, unackedBytes: 11 }));
  });
});
