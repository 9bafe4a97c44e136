// closeServer with HTTP/1 servers, stage by stage.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answer,
  type Close,
  CloseServerHost,
  get,
  JUST_EOF,
  type Kind,
  reported,
  rest,
  type ServeOptions,
} from '../support/close-server-host.ts';
import { NETNS_SKIPPED, netnsPermitted } from '../support/netns.ts';
import { ENGINES, MB } from '../support/safe-close-host.ts';

const isolated = netnsPermitted();
const KINDS = ['http', 'https'] as const satisfies Kind[];
const CASES = ENGINES.flatMap((engine) => KINDS.map((kind) => ({ engine, kind })));
/** Far longer than any of these tests needs: a test that relies on it fails by its own time limit. */
const PATIENT: Close = { timeout: 120_000 };

describe.each(CASES)('$kind, $engine engine', ({ engine, kind }) => {
  let host: CloseServerHost;
  beforeAll(async () => {
    host = await CloseServerHost.start({ engine, isolated });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  /**
   * Node destroys a connection after its 408 and sends no close_notify. The end is an error or an EOF, depending on
   * Python's OpenSSL, but never a RST.
   */
  const brokenOff = expect.stringMatching(kind === 'http' ? /^eof$/ : /^(eof|SSLEOFError)$/);

  const start = (options?: ServeOptions) => host.serve(kind, options);

  test('an idle connection gets FIN, and lingers until its peer has closed', async () => {
    await using server = await start();
    const peer = await server.idle();
    await server.close(PATIENT);
    expect(await peer.receive()).toEqual(JUST_EOF);
    expect(await server.state()).toMatchObject({ listening: false, connections: engine === 'native' ? 0 : 1 });
    await peer.close();
    expect(await server.report()).toEqual(reported({ idle: 1, outcomes: { eof: 1 } }));
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('the time for which a connection was idle before the call counts', async () => {
    await using server = await start();
    const peer = await server.idle();
    await sleep(1_100);
    await server.close({ ...PATIENT, settle: 1_000 });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    const { duration, ...report } = await server.report();
    expect(report).toMatchObject({ idle: 1, cut: 0 });
    expect(duration).toBeLessThan(1_000);
  });

  test('one that was idle for less waits for the rest of settle', async () => {
    await using server = await start();
    const peer = await server.idle();
    await server.close({ ...PATIENT, settle: 600 });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect((await server.report()).duration).toBeGreaterThan(300);
  });

  test('a request in flight is answered with Connection: close, then FIN', async () => {
    await using server = await start();
    const peer = await server.request('/held');
    await server.close(PATIENT);
    await server.call('release');
    expect(await answer(peer)).toMatchObject({ status: 200, connection: 'close', body: 'held' });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
  });

  test('a response with keep-alive in its head, sent before the call, is delivered, then FIN', async () => {
    await using server = await start();
    const peer = await server.request('/begun');
    await server.close(PATIENT);
    await server.call('release');
    expect(await rest(peer)).toMatchObject({ connection: 'keep-alive', body: 'begun', end: 'eof' });
    await peer.close();
    expect(await server.report()).toMatchObject({ cut: 0 });
  });

  test('a response that sets keep-alive itself is closed too', async () => {
    await using server = await start();
    const peer = await server.request('/keep-alive');
    await server.close(PATIENT);
    await server.call('release');
    expect(await rest(peer)).toMatchObject({ connection: 'keep-alive', body: 'kept', end: 'eof' });
    await peer.close();
    expect(await server.report()).toMatchObject({ cut: 0 });
  });

  test('a request that is sent at once on a kept connection is answered, with Connection: close', async () => {
    await using server = await start();
    const peer = await server.idle();
    // On a busy machine the default may be over when the server is told to close.
    await server.closeThenBlock(() => peer.write(get('/now')), { ...PATIENT, settle: 10_000 });
    expect(await server.next('request')).toBe('/now');
    expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'now' });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
  });

  test('a new connection that sends its request 200 ms later is answered', async () => {
    await using server = await start();
    const peer = await server.connect();
    await server.closeThenBlock(() => peer.write(get('/now')), { ...PATIENT, after: 200 });
    expect(await server.next('request')).toBe('/now');
    expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'now' });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
  });

  test('a connection that stays silent is closed after a second', async () => {
    await using server = await start();
    const peer = await server.connect();
    await server.close(PATIENT);
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    const { duration, ...report } = await server.report();
    expect(report).toMatchObject({ idle: 1, finished: 0, cut: 0 });
    expect(duration).toBeGreaterThan(900);
    expect(duration).toBeLessThan(30_000);
  });

  test('a request that waits in the kernel while the event loop is blocked is answered', async () => {
    await using server = await start();
    const peer = await server.idle();
    const blocked = server.call<boolean>('closeBlocked', PATIENT);
    await server.next('blocked');
    await server.ask(peer, '/now');
    await blocked;
    expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'now' });
    await peer.close();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('a response that has ended but is still on its way is not cut', async () => {
    await using server = await start();
    const peer = await server.request('/big');
    await server.close(PATIENT);
    // For a second the client reads nothing.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const { received, end } = await peer.receive();
    expect(end).toBe('eof');
    expect(received).toBeGreaterThan(8 * MB);
    await peer.close();
    expect(await server.report()).toMatchObject({ cut: 0 });
  });

  test('an upload whose answer does not wait for it: the client gets the answer', async () => {
    await using server = await start();
    const peer = await server.upload(90 * MB);
    await server.close(PATIENT);
    const sent = peer.send(90 * MB);
    await server.call('release');
    expect(await sent).toEqual({ sent: 90 * MB });
    expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'held' });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await server.report()).toEqual(reported({ finished: 1, outcomes: { eof: 1 } }));
  });

  describe('drainDelay', () => {
    test('goes on listening; each response has Connection: close, on new and on kept connections', async () => {
      await using server = await start();
      const kept = await server.idle();
      await server.close({ ...PATIENT, drainDelay: 120_000, signal: 'controller' });
      expect(await server.state()).toMatchObject({ listening: true });
      const fresh = await server.request('/now');
      await server.ask(kept, '/now');
      for (const peer of [fresh, kept]) {
        expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'now' });
        expect(await peer.receive()).toEqual(JUST_EOF);
        await peer.close();
      }
      // A TLS client sees the end first, and what is then still open at an abort is cut.
      await expect.poll(() => server.state(), { timeout: 20_000 }).toMatchObject({ connections: 0 });
      await server.call('abort');
      expect(await server.report()).toMatchObject({ idle: 0, finished: 2, cut: 0, aborted: true });
    });

    test('is followed by the end of idle connections', async () => {
      await using server = await start();
      const peer = await server.idle();
      await server.close({ ...PATIENT, drainDelay: 300 });
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      const { duration, ...report } = await server.report();
      expect(report).toMatchObject({ idle: 1, finished: 0, cut: 0 });
      expect(duration).toBeGreaterThan(290);
    });
  });

  test('headersTimeout still works: a request that stalls in its head gets 408', async () => {
    await using server = await start({
      options: { headersTimeout: 60_000, requestTimeout: 60_000, connectionsCheckingInterval: 50 },
    });
    const peer = await server.connect();
    await peer.write('GET /now HTTP/1.1\r\nHos');
    await server.close(PATIENT);
    // Node counts from the connection on, and would come first.
    await server.call('set', { headersTimeout: 1 });
    expect(await rest(peer)).toMatchObject({ status: 408, connection: 'close', end: brokenOff });
    await peer.close();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('requestTimeout still works: a request that stalls in its body gets 408', async () => {
    await using server = await start({
      options: { headersTimeout: 60_000, requestTimeout: 60_000, connectionsCheckingInterval: 50 },
    });
    const peer = await server.connect();
    await peer.write('POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc');
    expect(await server.next('request')).toBe('/held');
    await server.close(PATIENT);
    // For the head Node takes the shorter of the two.
    await server.call('set', { headersTimeout: 1, requestTimeout: 1 });
    expect(await rest(peer)).toMatchObject({ status: 408, connection: 'close', end: brokenOff });
    await peer.close();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('timeout cuts what hangs, and lets it linger for lingerTimeout', async () => {
    await using server = await start({ attach: { idleTimeout: 60_000, timeout: 60_000 } });
    const hanging = await server.request('/held');
    await server.close({ timeout: 300, lingerTimeout: 300 });
    expect(await hanging.receive()).toMatchObject({ received: 0 });
    const report = await server.report();
    expect(report).toMatchObject({ idle: 0, finished: 0, cut: 1, aborted: false });
    expect(report.duration).toBeGreaterThan(290);
    expect(report.duration).toBeLessThan(30_000);
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('a peer that never closes lingers until lingerTimeout, and no longer', async () => {
    await using server = await start({ attach: { idleTimeout: 60_000, timeout: 60_000 } });
    const peer = await server.idle();
    await server.close({ settle: 0, timeout: 100, lingerTimeout: 400 });
    expect(await peer.receive()).toEqual(JUST_EOF);
    const report = await server.report();
    expect(report).toEqual(reported({ idle: 1, outcomes: { timeout: 1 } }));
    expect(report.duration).toBeGreaterThan(490);
    expect(report.duration).toBeLessThan(30_000);
  });

  test('a peer that never closes lingers no longer than the limits of lingerOnClose', async () => {
    await using server = await start({ attach: { idleTimeout: 400, timeout: 60_000 } });
    const peer = await server.idle();
    await server.close(PATIENT);
    expect(await peer.receive()).toEqual(JUST_EOF);
    expect(await server.report()).toEqual(reported({ idle: 1, outcomes: { idle: 1 } }));
  });

  test('waits for a safeClose by the application', async () => {
    await using server = await start();
    const peer = await server.request('/safeClose');
    expect(await rest(peer)).toMatchObject({ body: 'safe', end: 'eof' });
    await server.close(PATIENT);
    await peer.close();
    expect(await server.report()).toMatchObject({ cut: 0 });
  });

  test('without lingerOnClose before: idle connections and requests in flight', async () => {
    await using server = await start({ attach: false });
    const idle = await server.idle();
    const held = await server.request('/held');
    await server.close(PATIENT);
    expect(await idle.receive()).toMatchObject({ received: 0 });
    await idle.close();
    await server.call('release');
    expect(await answer(held)).toMatchObject({ connection: 'close', body: 'held' });
    expect(await held.receive()).toEqual(JUST_EOF);
    await held.close();
    const { idle: idleOnes, finished, cut } = await server.report();
    expect({ all: idleOnes + finished, cut }).toEqual({ all: 2, cut: 0 });
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('after close() by the application: waits for what is still open', async () => {
    await using server = await start({ attach: false });
    const held = await server.request('/held');
    await server.call('serverClose');
    await server.close(PATIENT);
    await server.call('release');
    expect(await answer(held)).toMatchObject({ body: 'held' });
    expect(await held.receive()).toEqual(JUST_EOF);
    await held.close();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test.each(['/begun', '/held'])('a request that is pipelined behind one in flight is answered: %s', async (path) => {
    await using server = await start();
    const peer = await server.request(path);
    await server.close(PATIENT);
    await server.ask(peer, '/now');
    await server.call('release');
    // The first response does not end the connection.
    const first = await answer(peer);
    expect(first).toMatchObject({ body: path.slice(1) });
    expect(first.connection).not.toBe('close');
    expect(await answer(peer)).toMatchObject({ connection: 'close', body: 'now' });
    expect(await peer.receive()).toEqual(JUST_EOF);
    await peer.close();
    expect(await server.report()).toMatchObject({ cut: 0 });
  });

  test.skipIf(!isolated)(`no connection is reset${NETNS_SKIPPED}`, async () => {
    await using server = await start();
    const before = await host.resets();
    const idle = await server.idle();
    const held = await server.request('/held');
    const big = await server.request('/big');
    const upload = await server.upload(9 * MB);
    const silent = await server.connect();
    await server.close(PATIENT);
    const sent = upload.send(9 * MB);
    await server.call('release');
    expect(await idle.receive()).toEqual(JUST_EOF);
    // Too late for an answer, but no reason for a RST.
    await idle.write(kind === 'http' ? get('/now') : '');
    await idle.close();
    expect(await answer(held)).toMatchObject({ connection: 'close', body: 'held' });
    expect(await held.receive()).toEqual(JUST_EOF);
    await held.close();
    expect(await big.receive()).toMatchObject({ end: 'eof' });
    await big.close();
    expect(await sent).toEqual({ sent: 9 * MB });
    expect(await answer(upload)).toMatchObject({ body: 'held' });
    expect(await upload.receive()).toEqual(JUST_EOF);
    await upload.close();
    expect(await silent.receive()).toEqual(JUST_EOF);
    await silent.close();
    expect(await server.report()).toMatchObject({ idle: 2, finished: 3, cut: 0 });
    expect((await host.resets()) - before).toBe(0);
  });
});
