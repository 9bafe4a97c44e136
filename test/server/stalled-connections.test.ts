// Connections that would wait for ever: a client that writes everything before it reads gets its answer, and a socket
// that nothing reads has the limits of a linger. What is read, however slowly, is left alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { post, UPGRADE } from '../support/http-text.ts';
import { type HostedServer, type Kind, LingerOnCloseHost } from '../support/linger-on-close-host.ts';
import { ENGINES, KB, MB } from '../support/safe-close-host.ts';

// What load balancers want.
const KEEP_ALIVE = { keepAliveTimeout: 65_000 };

/** Milliseconds in which a stalled connection is found: two looks, one a second, on a busy machine. */
const FOUND = 5_000;

const NEVER_READ_AGAIN = [
  'unpipe, answer',
  'a pipeline fails, answer',
  'for await, break, answer',
  "once('data'), pause, answer",
  'read, answer',
];

describe.each(ENGINES)('%s engine', (engine) => {
  let host: LingerOnCloseHost;
  beforeAll(async () => {
    host = await LingerOnCloseHost.start({ engine });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** Long enough for both looks, and a third one. */
  const threeLooks = () => new Promise((resolve) => setTimeout(resolve, 3_200));

  describe('answered, and the rest of the request is not read', () => {
    test.concurrent.each(
      (['http', 'https'] as const).flatMap((kind) => NEVER_READ_AGAIN.map((behaviour) => [kind, behaviour] as const)),
    )('%s: %s: the client can write everything, and has its answer', async (kind, behaviour) => {
      const hosted = await host.serve(kind, behaviour, { attach: {}, properties: KEEP_ALIVE });
      await using visit = await hosted.connect();
      const before = performance.now();
      await visit.peer.write(post(8 * MB));
      expect(await visit.peer.send(8 * MB)).toEqual({ sent: 8 * MB });
      expect(await visit.peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
      expect(performance.now() - before).toBeLessThan(FOUND);
      await visit.peer.close();
      expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
    });

    test.concurrent("a 'data' listener that has paused the request: closed after Node's own five seconds", async () => {
      const hosted = await host.serve('http', "on('data'), pause, answer", { attach: {}, properties: KEEP_ALIVE });
      await using visit = await hosted.connect();
      const before = performance.now();
      await visit.peer.write(post(8 * MB));
      expect(await visit.peer.send(8 * MB)).toEqual({ sent: 8 * MB });
      expect(await visit.peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
      expect(performance.now() - before).toBeGreaterThan(5_000);
    });

    test.concurrent.each(['answer, and a slow pipe', 'answer, and pauses of its own'])(
      '%s: left alone, and the request is whole',
      async (behaviour) => {
        const hosted = await host.serve('http', behaviour, {
          attach: {},
          args: { pause: 3_200 },
          properties: KEEP_ALIVE,
        });
        await using visit = await hosted.connect();
        await visit.peer.write(post(8 * MB));
        expect(await visit.peer.send(8 * MB)).toEqual({ sent: 8 * MB });
        expect(await visit.peer.receiveResponse()).toEqual({ text: expect.stringContaining('202 Accepted') });
        await visit.peer.shutdown();
        expect(await hosted.said('received')).toEqual({ received: 8 * MB });
        expect(hosted.countSaid('start')).toBe(0);
      },
    );

    test.concurrent('`choose` leaves it to Node', async () => {
      const hosted = await host.serve('http', 'for await, break, answer', {
        attach: { choose: 'no' },
        properties: KEEP_ALIVE,
      });
      const visit = await hosted.connect();
      await visit.peer.write(post(8 * MB));
      const sent = visit.peer.send(8 * MB).catch(() => {});
      await hosted.said('choose');
      await threeLooks();
      // It is asked once.
      expect(hosted.countSaid('choose')).toBe(0);
      expect(hosted.countSaid('start')).toBe(0);
      await visit.peer.kill();
      await sent;
    });

    test.concurrent('a last answer larger than the buffers, behind a pipeline that failed: it arrives', async () => {
      const hosted = await host.serve('http', 'a pipeline fails, a large last answer', {
        attach: {},
        args: { size: 20 * MB },
      });
      await using visit = await hosted.connect();
      await visit.peer.write(post(40 * MB));
      expect(await visit.peer.send(40 * MB)).toEqual({ sent: 40 * MB });
      const { received, end } = await visit.peer.receive();
      expect(end).toBe('eof');
      expect(received).toBeGreaterThan(20 * MB);
    });
  });

  describe('end() alone, on a socket that nothing reads', () => {
    const ENDS: [name: string, kind: Kind, behaviour: string, first: string][] = [
      ['net', 'net', 'end alone', ''],
      ['tls', 'tls', 'end alone', ''],
      ['an upgrade over http', 'http', 'upgrade: end', UPGRADE],
      ['an upgrade over https', 'https', 'upgrade: end', UPGRADE],
      ["a 'clientError' listener", 'http', 'clientError: end alone', 'no request\r\n\r\n'],
      ["a request's socket", 'http', 'end the socket', post(40 * MB)],
    ];

    async function serve(kind: Kind, behaviour: string, attach: object = {}): Promise<HostedServer> {
      return host.serve(kind, behaviour, { attach, properties: kind.startsWith('http') ? KEEP_ALIVE : {} });
    }

    test.concurrent.each(
      ENDS.flatMap(([name, ...end]) => [0, 10, 30 * MB].map((bytes) => [name, bytes, ...end] as const)),
    )('%s, and %d bytes from a peer that stays: it lingers, with its limits', async (_name, bytes, ...end) => {
      const [kind, behaviour, first] = end;
      const hosted = await serve(kind, behaviour, { idleTimeout: 300 });
      await using visit = await hosted.connect();
      await visit.peer.write(first);
      expect(await visit.peer.send(bytes)).toEqual({ sent: bytes });
      await hosted.said('start');
      expect(await hosted.end()).toMatchObject({ outcome: 'idle' });
      expect(await visit.peer.receive()).toMatchObject({ received: expect.any(Number), end: 'eof' });
      expect(await hosted.said('close')).toEqual({ hadError: false });
    });

    test.concurrent.each(ENDS)(
      '%s, and a peer that closes with 10 bytes unread',
      async (_name, kind, behaviour, first) => {
        const hosted = await serve(kind, behaviour);
        const visit = await hosted.connect();
        await visit.peer.write(first);
        await visit.peer.write('0123456789');
        await visit.peer.receive();
        await visit[Symbol.asyncDispose]();
        // Its RST may be met as an error.
        expect(await hosted.said('close')).toBeDefined();
      },
    );

    test.concurrent.each(['net', 'tls'] as const)(
      '%s: output larger than the buffers, to a peer that writes before it reads',
      async (kind) => {
        const hosted = await host.serve(kind, 'end alone', { attach: {}, args: { size: 20 * MB } });
        await using visit = await hosted.connect();
        expect(await visit.peer.send(30 * MB)).toEqual({ sent: 30 * MB });
        expect((await visit.peer.receive(20 * MB)).received).toBe(20 * MB);
      },
    );

    test.concurrent('net: output of which the peer takes nothing is given up after `timeout`', async () => {
      const hosted = await host.serve('net', 'end alone', {
        attach: { timeout: 500 },
        args: { size: 20 * MB },
      });
      await using _visit = await hosted.connect({ receiveBuffer: 4 * KB });
      expect(await hosted.end()).toMatchObject({ outcome: 'timeout', delivered: false });
    });
  });

  test.concurrent.each([
    ['a half-open protocol', 'end alone', { allowHalfOpen: true }],
    ['a socket that is read', 'end, and read on', {}],
  ])('%s is left alone', async (_name, behaviour, options) => {
    const hosted = await host.serve('net', behaviour, { attach: {}, options });
    await using visit = await hosted.connect();
    await visit.peer.write('some');
    await threeLooks();
    expect(hosted.countSaid('start')).toBe(0);
    expect(hosted.countSaid('close')).toBe(0);
  });
});

test('control: plain Node leaves both waiting', async () => {
  await using host = await LingerOnCloseHost.start();
  const request = await host.serve('http', 'for await, break, answer', { properties: KEEP_ALIVE });
  const socket = await host.serve('net', 'end alone');
  const uploader = await request.connect();
  await uploader.peer.write(post(8 * MB));
  const sent = uploader.peer.send(8 * MB).catch(() => {});
  const silent = await socket.connect();
  await silent.peer.write('0123456789');
  await new Promise((resolve) => setTimeout(resolve, 3_200));
  expect(uploader.peer.busy).toBe(true);
  expect(request.countSaid('close') + socket.countSaid('close')).toBe(0);
  await Promise.all([uploader.peer.kill(), silent.peer.kill()]);
  await sent;
});
