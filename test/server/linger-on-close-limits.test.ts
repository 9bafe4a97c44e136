// The bounds of a lingering server: how many connections may linger, for how long, and what a slow client may expect.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { GET, GET_AND_CLOSE, post } from '../support/http-text.ts';
import { type HostedServer, LingerOnCloseHost, type Visit } from '../support/linger-on-close-host.ts';
import { ENGINES, KB, known, MB } from '../support/safe-close-host.ts';

describe.each(ENGINES)('%s engine', (engine) => {
  let host: LingerOnCloseHost;
  beforeAll(async () => {
    host = await LingerOnCloseHost.start({ engine });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /** A client whose connection lingers: it has its answer, and has not closed. */
  async function linger(hosted: HostedServer): Promise<Visit> {
    const visit = await hosted.connect();
    await visit.peer.write(post(1_000));
    expect(await visit.peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
    await hosted.said('start');
    return visit;
  }

  /** For each client, whether its bytes are still discarded or are answered with RST. */
  async function isLingering({ peer }: Visit): Promise<boolean> {
    await peer.send(1);
    return (await peer.untilBroken(0.1)) === null;
  }

  async function release(...visits: Visit[]): Promise<void> {
    for (const visit of visits) await visit[Symbol.asyncDispose]();
  }

  describe('maxLingering', () => {
    test('3: a fourth connection of the same address evicts the oldest', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { maxLingering: 3, idleTimeout: Infinity } });
      const visits = [await linger(hosted), await linger(hosted), await linger(hosted)];
      expect(await hosted.state()).toMatchObject({ active: 3, totals: { evictions: 0 } });
      visits.push(await linger(hosted));
      expect(await hosted.end()).toMatchObject({ outcome: 'evicted', delivered: known(engine, true) });
      expect(await hosted.state()).toMatchObject({ active: 3, totals: { evictions: 1, outcomes: { evicted: 1 } } });
      expect(await Promise.all(visits.map(isLingering))).toEqual([false, true, true, true]);
      await release(...visits);
      for (let i = 0; i < 3; i++) expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
      expect(await hosted.state()).toMatchObject({ active: 0 });
    });

    test('0: each connection is evicted at once, after its input was discarded', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { maxLingering: 0 } });
      await using visit = await linger(hosted);
      expect(await hosted.end()).toMatchObject({ outcome: 'evicted' });
      expect(await isLingering(visit)).toBe(false);
      expect(await hosted.state()).toMatchObject({ active: 0, totals: { evictions: 1 } });
    });

    test('Infinity: no connection is evicted', async () => {
      const hosted = await host.serve('http', 'early 413', { attach: { maxLingering: Infinity } });
      const visits: Visit[] = [];
      for (let i = 0; i < 5; i++) visits.push(await linger(hosted));
      expect(await hosted.state()).toMatchObject({ active: 5, totals: { evictions: 0 } });
      await release(...visits);
      for (let i = 0; i < 5; i++) expect(await hosted.end()).toMatchObject({ outcome: 'eof' });
    });

    test('is also the limit of the process: the server loses one whose address has most there', async () => {
      const patient = await host.serve('http', 'early 413', {
        attach: { maxLingering: 2, timeout: 50_000, idleTimeout: Infinity },
      });
      const hasty = await host.serve('http', 'early 413', {
        attach: { maxLingering: 2, timeout: 20_000, idleTimeout: Infinity },
      });
      const first = await linger(patient);
      const second = await linger(hasty);
      const third = await linger(patient);
      // All are of one address: `patient` has two of it, and loses its oldest.
      expect(await patient.end()).toMatchObject({ outcome: 'evicted' });
      expect(await Promise.all([first, second, third].map(isLingering))).toEqual([false, true, true]);
      expect(await hasty.state()).toMatchObject({ active: 1, totals: { evictions: 0 } });
      expect(await patient.state()).toMatchObject({ active: 1, totals: { evictions: 1 } });
      const fourth = await linger(hasty);
      expect(await hasty.end()).toMatchObject({ outcome: 'evicted' });
      expect(await Promise.all([second, third, fourth].map(isLingering))).toEqual([false, true, true]);
      await release(first, second, third, fourth);
      expect(await patient.end()).toMatchObject({ outcome: 'eof' });
      expect(await hasty.end()).toMatchObject({ outcome: 'eof' });
    });

    test('the limit of the process is the largest of the servers', async () => {
      const small = await host.serve('http', 'early 413', { attach: { maxLingering: 1, idleTimeout: Infinity } });
      const large = await host.serve('http', 'early 413', { attach: { maxLingering: 3, idleTimeout: Infinity } });
      const visits = [await linger(small), await linger(large), await linger(large)];
      expect(await small.state()).toMatchObject({ active: 1 });
      expect(await large.state()).toMatchObject({ active: 2 });
      visits.push(await linger(large));
      expect(await large.end()).toMatchObject({ outcome: 'evicted' });
      await release(...visits);
      expect(await small.end()).toMatchObject({ outcome: 'eof' });
      for (let i = 0; i < 2; i++) expect(await large.end()).toMatchObject({ outcome: 'eof' });
    });
  });

  test('idleTimeout and timeout end a linger', async () => {
    const hosted = await host.serve('http', 'early 413', { attach: { idleTimeout: 100 } });
    await using silent = await linger(hosted);
    expect(await hosted.end()).toMatchObject({ outcome: 'idle', delivered: known(engine, true) });
    expect(await isLingering(silent)).toBe(false);
    const short = await host.serve('http', 'early 413', { attach: { timeout: 200 } });
    await using dripping = await linger(short);
    expect(await dripping.peer.drip(10_000, 10)).toMatchObject({ error: 'EPIPE' });
    expect(await short.end()).toMatchObject({ outcome: 'timeout' });
  });

  describe('a large last response', () => {
    const attach = { idleTimeout: 200, timeout: 300 };

    test('to a slow reader, for longer than both limits: complete', async () => {
      // On a busy machine the reader itself may stop reading for some hundred milliseconds.
      const hosted = await host.serve('http', 'a large answer', {
        attach: { idleTimeout: 200, timeout: 2_500 },
        args: { size: 8 * MB },
      });
      await using visit = await hosted.connect({ receiveBuffer: 64 * KB });
      await visit.peer.write(GET_AND_CLOSE);
      const before = performance.now();
      const { received, end } = await visit.peer.receive(undefined, { step: 64 * KB, pause: 30 });
      expect(end).toBe('eof');
      expect(received).toBeGreaterThan(8 * MB);
      expect(performance.now() - before).toBeGreaterThan(2_500);
      expect(await hosted.state()).toMatchObject({ totals: { outcomes: { timeout: 0, idle: 0 } } });
    });

    test('to a client that uploads 90 MB before it reads: both are complete', async () => {
      const hosted = await host.serve('http', 'a large answer', { attach: {}, args: { size: 20 * MB } });
      await using visit = await hosted.connect();
      const { peer } = visit;
      await peer.write(post(90 * MB));
      expect(await peer.send(90 * MB)).toEqual({ sent: 90 * MB });
      const { received, end } = await peer.receive();
      expect(end).toBe('eof');
      expect(received).toBeGreaterThan(20 * MB);
    });

    test('to a client that uploads first, with a pipeline that waits: the pipeline sees no false end', async () => {
      const hosted = await host.serve('http', 'a large answer, and a pipeline that waits for its end', {
        // Long enough to read the whole request meanwhile, if it were read.
        attach: { timeout: 2_000 },
        args: { size: 20 * MB },
      });
      await using visit = await hosted.connect({ receiveBuffer: 4 * KB });
      await visit.peer.write(post(40 * MB));
      const sent = visit.peer.send(40 * MB);
      expect(await hosted.end()).toMatchObject({ outcome: 'timeout' });
      expect(await hosted.said('pipeline')).not.toEqual({ told: 'the end' });
      expect(await sent).toMatchObject({ error: expect.any(String) });
    });

    test('to a client that takes none of it: given up after `timeout`', async () => {
      const hosted = await host.serve('http', 'a large answer', { attach, args: { size: 20 * MB } });
      await using visit = await hosted.connect({ receiveBuffer: 4 * KB });
      await visit.peer.write(GET_AND_CLOSE);
      expect(await hosted.end()).toMatchObject({ outcome: 'timeout', delivered: false });
      await hosted.said('close');
      expect(await hosted.state()).toMatchObject({ active: 0, totals: { outcomes: { timeout: 1 } } });
    });

    test('on a keep-alive connection: the client may take its time, as more may follow', async () => {
      const hosted = await host.serve('http', 'answer', { attach, args: { size: 20 * MB } });
      await using visit = await hosted.connect({ receiveBuffer: 4 * KB });
      await visit.peer.write(GET);
      await hosted.said('request');
      // As long as a sweep and the limit take together.
      expect(await visit.peer.untilBroken(1.6)).toBeNull();
      expect((await visit.peer.receive(20 * MB)).received).toBe(20 * MB);
      expect(await hosted.state()).toMatchObject({ active: 0, totals: { outcomes: { timeout: 0 } } });
    });
  });
});

test('control: plain Node never finishes a large early response to a client that writes before it reads', async () => {
  await using host = await LingerOnCloseHost.start();
  const hosted = await host.serve('http', 'a large answer', { args: { size: 20 * MB } });
  const { peer } = await hosted.connect();
  await peer.write(post(90 * MB));
  const sent = peer.send(90 * MB);
  expect(await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 2_000, 'waits'))])).toBe('waits');
  const over = sent.catch(() => {});
  await peer.kill();
  await over;
});

test('descriptors and memory stay flat over thousands of closes', async () => {
  await using fixture = new Fixture<{ descriptors: number[]; heap: number[]; totals: object }>(
    'server/server-resources',
    {
      args: ['600'],
      execArgv: ['--expose-gc'],
    },
  );
  const { descriptors, heap, totals } = await fixture.next();
  expect(new Set(descriptors).size).toBe(1);
  expect(totals).toMatchObject({ outcomes: { eof: 4 * 600 } });
  // In plain Node a round makes the heap some ten KB larger, and a single reading may be off by 300 KB. One Socket kept
  // for each close would add 2 MB, one report 1 MB.
  const [first = 0, second = 0, third = 0, fourth = 0] = heap;
  expect(Math.min(third, fourth) - Math.min(first, second)).toBeLessThan(600 * KB);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});
