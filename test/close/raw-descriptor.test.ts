// safeClose takes over a raw descriptor that Node has never seen.
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES, type Engine, ended, KB, known, MB } from '../support/safe-close-host.ts';

const inherit = fileURLToPath(new URL('../support/inherit.py', import.meta.url));

interface Message {
  called?: true;
  again?: boolean;
  report?: object;
  error?: { name: string; code: string; syscall?: string; message: string };
  open?: boolean;
}

async function start(engine: Engine, userTimeout = 0) {
  const fixture = new Fixture<Message>('close/safe-close-raw', {
    prefix: ['python3', inherit, String(userTimeout)],
    execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
  });
  const stdout = fixture.process.stdout as NodeJS.ReadableStream;
  while (!fixture.stdout.includes('\n')) await once(stdout, 'data');
  const peer = await Peer.connect({ host: '127.0.0.1', port: Number(fixture.stdout) });
  await fixture.next();
  return {
    fixture,
    peer,
    /** Resolves when safeClose has returned or thrown. */
    async close(options: object = {}): Promise<Message> {
      fixture.send({ name: 'connection', ...options });
      return fixture.next();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([fixture[Symbol.asyncDispose](), peer.kill()]);
    },
  };
}

describe.each(ENGINES)('%s engine', (engine) => {
  test('eof', async () => {
    await using raw = await start(engine);
    await raw.close();
    expect(await raw.peer.send(MB)).toEqual({ sent: MB });
    expect(await raw.peer.receive()).toEqual({ received: 0, tail: '', end: 'eof' });
    await raw.peer.close();
    expect(await raw.fixture.next()).toEqual({ report: ended(engine, 'eof', { discardedBytes: MB }), open: false });
  });

  test('drained', async () => {
    await using raw = await start(engine);
    await raw.peer.send(50 * KB);
    await raw.close({ mode: 'drain' });
    const figures = {
      discardedBytes: 50 * KB,
      delivered: known(engine, expect.any(Boolean)),
      unackedBytes: known(engine, expect.any(Number)),
    };
    expect(await raw.fixture.next()).toEqual({ report: ended(engine, 'drained', figures), open: false });
    expect(await raw.peer.receive()).toEqual({ received: 0, tail: '', end: 'eof' });
  });

  test('reset', async () => {
    await using raw = await start(engine);
    await raw.close({ mode: 'reset' });
    expect(await raw.peer.untilBroken()).toBe('ECONNRESET');
    const figures = { delivered: known(engine, false) };
    expect(await raw.fixture.next()).toEqual({ report: ended(engine, 'reset', figures), open: false });
  });

  test('aborted', async () => {
    await using raw = await start(engine);
    await raw.close({ signal: true });
    expect(await raw.peer.receive()).toMatchObject({ end: 'eof' });
    raw.fixture.send({ abort: true });
    expect(await raw.peer.untilBroken()).toBe('EPIPE');
    expect(await raw.fixture.next()).toMatchObject({ report: { outcome: 'aborted' }, open: false });
  });

  test("a second call gives the same promise, and its mode 'reset' resets", async () => {
    await using raw = await start(engine);
    expect(await raw.close()).toEqual({ called: true, again: false });
    expect(await raw.close({ mode: 'reset' })).toEqual({ called: true, again: true });
    expect(await raw.fixture.next()).toMatchObject({ report: { outcome: 'reset' }, open: false });
    expect(await raw.fixture.next()).toMatchObject({ report: { outcome: 'reset' }, open: false });
  });

  test.each([
    ['closed', 'EBADF', false],
    ['file', 'ENOTSOCK', true],
    ['pipe', 'ENOTSOCK', true],
  ])('a %s descriptor throws %s', async (name, code, open) => {
    await using raw = await start(engine);
    const answer = await raw.close({ name });
    expect(answer).toMatchObject({ error: { name: 'SocketError', code, syscall: expect.any(String) }, open });
  });

  test.each([
    ['server', 'ERR_INVALID_STATE', /listening|pass the Socket/],
    ['reading', 'ERR_INVALID_STATE', /pass the Socket/],
    ['datagram', 'EPROTOTYPE', /EPROTOTYPE/],
  ])('%s: refused', async (name, code, message) => {
    await using raw = await start(engine);
    const answer = await raw.close({ name });
    expect(answer).toMatchObject({ error: { code, message: expect.stringMatching(message) }, open: true });
  });

  test('a bad argument leaves the connection as it is', async () => {
    await using raw = await start(engine);
    expect(await raw.close({ mode: 'no such mode' })).toMatchObject({
      error: { code: 'ERR_INVALID_ARG_VALUE' },
      open: true,
    });
    expect(await raw.peer.send(10)).toEqual({ sent: 10 });
  });
});

describe('native engine', () => {
  test('delivered', async () => {
    await using raw = await start('native');
    await raw.close({ until: 'delivered' });
    expect(await raw.fixture.next()).toEqual({ report: ended('native', 'delivered'), open: false });
  });

  // JavaScript cannot tell these two apart.
  test.each([
    ['listener', 'ERR_INVALID_STATE', /listening/],
    ['paused', 'ERR_INVALID_STATE', /pass the Socket/],
  ])('%s: refused', async (name, code, message) => {
    await using raw = await start('native');
    const answer = await raw.close({ name });
    expect(answer).toMatchObject({ error: { code, message: expect.stringMatching(message) }, open: true });
  });

  test.each(['unconnectedUnix', 'unconnectedTcp'])('%s: closed, and nothing was delivered', async (name) => {
    await using raw = await start('native');
    await raw.close({ name, until: 'delivered' });
    const { report } = await raw.fixture.next();
    expect(report).toMatchObject({ outcome: 'closed', delivered: false, engine: 'native' });
    const aborted = await start('native');
    await aborted.close({ name, signal: true });
    aborted.fixture.send({ abort: true });
    const { report: second } = await aborted.fixture.next();
    expect(second).not.toMatchObject({ delivered: true });
    await aborted[Symbol.asyncDispose]();
  });

  test('idle', async () => {
    await using raw = await start('native');
    await raw.close({ idleTimeout: 100 });
    expect(await raw.fixture.next()).toEqual({ report: ended('native', 'idle'), open: false });
  });

  // The kernel gives up on a peer that takes nothing: TCP_USER_TIMEOUT.
  test('error: ETIMEDOUT', async () => {
    await using raw = await start('native', 300);
    await raw.close();
    const error = expect.objectContaining({ name: 'SocketError', code: 'ETIMEDOUT', errno: -110, syscall: 'recv' });
    const figures = { delivered: false, unackedBytes: expect.any(Number), error };
    expect(await raw.fixture.next()).toEqual({ report: ended('native', 'error', figures), open: false });
  });
});
