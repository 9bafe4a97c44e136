// What applications do with their sockets while these are being closed. No data may be lost by it.
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES, known } from '../support/safe-close-host.ts';

const PENDING = 20_000_000;

interface Message extends Partial<CloseReport> {
  address: string;
  port: number;
}

describe.each(ENGINES)('%s engine', (engine) => {
  const execArgv = engine === 'streams' ? STREAMS_ENGINE : [];
  const whole = { outcome: 'eof', delivered: known(engine, true), engine };

  async function start(habit: string): Promise<{ fixture: Fixture<Message>; peer: Peer }> {
    const fixture = new Fixture<Message>('close/habits-net', { args: [habit], execArgv });
    const { address, port } = await fixture.next();
    return { fixture, peer: await Peer.connect({ host: address, port }) };
  }

  test.each([
    ['a write that comes too late', PENDING],
    ['a write when FIN is out', 10],
    ['a source that is still piped into it', PENDING],
    ['a write after the FIN of a peer', PENDING],
    ['an end() whose callback destroys', 10],
    ["a 'finish' listener that destroys", 10],
  ])('%s: the peer gets all that was written before', async (habit, bytes) => {
    const { fixture, peer } = await start(habit);
    await using _fixture = fixture;
    await using _peer = peer;
    if (habit.includes('FIN')) await peer.shutdown();
    if (habit === 'a write that comes too late')
      expect(await fixture.next()).toEqual({ late: 'ERR_STREAM_WRITE_AFTER_END' });
    expect(await peer.receive()).toMatchObject({ received: bytes, end: 'eof' });
    await peer.close();
    expect(await fixture.next()).toEqual(whole);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test('a listener that throws: the promise settles, and reports the error', async () => {
    const { fixture, peer } = await start('a listener that throws');
    await using _fixture = fixture;
    await using _peer = peer;
    expect(await fixture.next()).toEqual({ same: true });
    expect(await fixture.next()).toMatchObject({ outcome: 'error', error: 'from a listener' });
    expect(await peer.receive()).toMatchObject({ end: 'eof' });
  });

  test('the callback of destroy() is called', async () => {
    await using fixture = new Fixture('close/destroy-callback', { execArgv });
    expect(await fixture.next()).toEqual({
      'of Node.js': 'called',
      'of a server': 'called',
      'of a server, with an error': 'unwanted',
      'of safeClose': 'called',
    });
  });

  test('a Socket that is connected again is another connection', async () => {
    await using fixture = new Fixture('close/habits-reconnect', { execArgv });
    const figures = { outcomes: ['eof', 'eof'], different: true, same: true, ends: 2, third: 'closed' };
    expect(await fixture.next()).toEqual(figures);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});

describe('the raw socket under TLS', () => {
  test('a limit ends it if the peer reads nothing', async () => {
    await using fixture = new Fixture<Message>('close/habits-under', { args: ['safeClose'] });
    const { address, port } = await fixture.next();
    await using _peer = await Peer.connect({ host: address, port }, { tls: true });
    expect(await fixture.next()).toEqual({ queued: true, outcome: 'idle' });
  });

  test('destroyed under a TLS socket with a linger of 3 seconds, it does not block the event loop', async () => {
    await using fixture = new Fixture<Message>('close/habits-under', { args: ['setLinger and destroy'] });
    const { address, port } = await fixture.next();
    await using _peer = await Peer.connect({ host: address, port }, { tls: true });
    expect(await fixture.next()).toEqual({ blocked: false });
  });
});

test("an HTTP server's requestTimeout does not cut off the answer that is on its way", async () => {
  await using fixture = new Fixture<Message>('close/habits-request-timeout');
  const { address, port } = await fixture.next();
  await using peer = await Peer.connect({ host: address, port });
  await peer.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nsome');
  expect(await fixture.next()).toEqual({ destroyedWith: 'ERR_HTTP_REQUEST_TIMEOUT' });
  const { received, end } = await peer.receive();
  expect(end).toBe('eof');
  expect(received).toBeGreaterThan(12_000_000);
  await peer.close();
  expect(await fixture.next()).toEqual({ outcome: 'eof', delivered: true });
});
