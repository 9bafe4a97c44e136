// Connections that are over before the close begins: both sides have closed, or the peer has reset and a failing write
// has taken the error off the socket. The kernel keeps no flag for that, but its counters tell the two apart.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { holdDescriptor, releaseDescriptor } from '../../src/engine/linger-loop.ts';
import { lingerOnClose, type SafeCloseOptions, safeClose, send, unackedBytes } from '../../src/index.ts';
import { noLink } from '../../torture/lib/veth.mjs';
import { enterNetns } from '../support/enter-netns.ts';
import { Fixture } from '../support/fixture.ts';
import { netns } from '../support/netns.ts';
import { connectPair, type Pair, rawDescriptor } from '../support/pair.ts';
import { Peer } from '../support/peer.ts';

const NO_LIMITS = { idleTimeout: Infinity, timeout: Infinity };

/** Fills the connection until the kernel takes no more. */
function fill({ socket }: Pick<Pair, 'socket'>): void {
  while (send(rawDescriptor(socket), Buffer.alloc(64 * 1024)) > 0);
}

function errorOfSend(fd: number): string | undefined {
  try {
    send(fd, Buffer.from('x'));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Writes past Node.js until a write meets the reset: that takes its error off the socket. */
async function takeError(socket: Socket): Promise<void> {
  for (;;) {
    const code = errorOfSend(rawDescriptor(socket));
    if (code === 'ECONNRESET') return;
    expect(code).toBeUndefined();
    await sleep(1);
  }
}

async function accept(server: Server): Promise<Omit<Pair, 'server'>> {
  if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const { port } = server.address() as AddressInfo;
  const peer = await Peer.connect({ host: '127.0.0.1', port }, { receiveBuffer: 4 * 1024 });
  const [socket] = await accepted;
  return { socket, peer, [Symbol.asyncDispose]: () => peer.kill() };
}

const WAYS: [way: string, options: SafeCloseOptions][] = [
  ['a linger', {}],
  ["until: 'delivered'", { until: 'delivered' }],
  ["mode: 'drain'", { mode: 'drain' }],
];

describe.each(WAYS)('%s', (_way, options) => {
  test('a reset with output outstanding is told at once, though its error is gone', async () => {
    await using pair = await connectPair('IPv4', { receiveBuffer: 4 * 1024 });
    fill(pair);
    await pair.peer.reset();
    await takeError(pair.socket);
    const report = await safeClose(pair.socket, { ...NO_LIMITS, ...options });
    expect(report).toMatchObject({ outcome: 'peer-reset', delivered: false, engine: 'native' });
    expect(report.unackedBytes).toBeGreaterThan(0);
  });

  test('and so is a reset with everything acknowledged', async () => {
    await using pair = await connectPair();
    send(rawDescriptor(pair.socket), Buffer.from('hello'));
    await pair.peer.receive(5);
    await pair.peer.reset();
    await takeError(pair.socket);
    const report = await safeClose(pair.socket, { ...NO_LIMITS, ...options });
    expect(report).toMatchObject({ outcome: 'peer-reset', delivered: false, unackedBytes: 0 });
  });

  test.each(['we', 'the peer'])('a connection that both sides have closed is none: %s closed first', async (first) => {
    await using pair = await connectPair();
    if (first === 'the peer') await pair.peer.shutdown();
    pair.socket.end('hello');
    await once(pair.socket, 'finish');
    if (first === 'we') await pair.peer.shutdown();
    while (unackedBytes(pair.socket) > 0) await sleep(1);
    const outcome = options.mode === 'drain' ? 'drained' : options.until === 'delivered' ? 'delivered' : 'eof';
    const report = await safeClose(pair.socket, { ...NO_LIMITS, ...options });
    expect(report).toMatchObject({ outcome, delivered: true, unackedBytes: 0 });
  });
});

test.each([false, true])(
  'a reset in the middle of a linger, whose error another has taken; behind EOF: %s',
  async (eof) => {
    await using pair = await connectPair('IPv4', { receiveBuffer: 4 * 1024 });
    fill(pair);
    // It shares the state of the connection, and Node.js does not watch it.
    const duplicate = holdDescriptor(rawDescriptor(pair.socket));
    try {
      const closing = safeClose(pair.socket, NO_LIMITS);
      if (eof) await pair.peer.shutdown();
      await setImmediate();
      const reset = pair.peer.reset();
      // The event loop stands still meanwhile, so that the discard loop does not take the error. EPIPE: our FIN is out,
      // and there is no error yet.
      for (const until = performance.now() + 10_000; ; ) {
        if (errorOfSend(duplicate) === 'ECONNRESET') break;
        expect(performance.now()).toBeLessThan(until);
      }
      await reset;
      expect(await closing).toMatchObject({ outcome: 'peer-reset', delivered: false });
    } finally {
      releaseDescriptor(duplicate);
    }
  },
);

test('a connection of our own making, of which the kernel counts the SYN too', async () => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  for (const reset of [false, true]) {
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const [other] = await accepted;
    if (socket.connecting) await once(socket, 'connect');
    send(socket, Buffer.from('hello'));
    while (unackedBytes(socket) > 0) await sleep(1);
    if (reset) {
      // Not read here: an error of the connection stays for takeError.
      other.resetAndDestroy();
      await takeError(socket);
    } else {
      other.end();
      socket.end();
      await Promise.all([once(other, 'finish'), once(socket, 'finish')]);
      while (unackedBytes(socket) > 0) await sleep(1);
    }
    const report = await safeClose(socket, { ...NO_LIMITS, until: 'delivered' });
    // In the same figures: one sequence number more than the data, which may be the SYN or a FIN.
    expect(report.delivered).toBe(reset ? null : true);
    other.destroy();
  }
  server.close();
});

test('lingerOnClose holds no place for a broken connection, and evicts none for it', async () => {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  const { totals } = lingerOnClose(server, { ...NO_LIMITS, when: 'always', maxLingering: 1 });
  await using living = await accept(server);
  living.socket.destroy();
  await using broken = await accept(server);
  fill(broken);
  await broken.peer.reset();
  await takeError(broken.socket);
  broken.socket.destroy();
  expect(totals.outcomes['peer-reset']).toBe(1);
  expect(totals.evictions).toBe(0);
  server.close();
});

test('none of 100 clients that hang up on an HTTP/2 server over TLS lingers', async () => {
  await using fixture = new Fixture('close/hung-up-http2');
  expect(await fixture.next()).toEqual({ active: 0, idle: 0 });
});

const reason = noLink();

// The kernel counts such a segment as sent, and again when it is sent.
test.runIf(!reason)(
  `segments that the device refused make no reset of an EOF${reason ? ` [skipped: ${reason}]` : ''}`,
  async () => {
    await using fixture = new Fixture<{ host: string; port: number; pid: number } & Record<string, unknown>>(
      'close/refused-segment',
      { prefix: netns() },
    );
    const { host, port, pid } = await fixture.next();
    await using peer = await Peer.connect({ host, port }, { prefix: enterNetns(pid) });
    expect(await peer.receive()).toMatchObject({ received: 64 * 1024, end: 'eof' });
    await peer.close();
    expect(await fixture.next()).toEqual({ outcome: 'eof', delivered: null, unackedBytes: 0 });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  },
);
