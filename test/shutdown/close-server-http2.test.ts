// closeServer with HTTP/2 servers: GOAWAY, the end of sessions, and HTTP/1 on the same port.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  answer,
  type Close,
  CloseServerHost,
  JUST_EOF,
  reported,
  type ServeOptions,
  type ServerToClose,
} from '../support/close-server-host.ts';
import { NETNS_SKIPPED, netnsPermitted } from '../support/netns.ts';
import { Remote } from '../support/remote.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const isolated = netnsPermitted();
const PATIENT: Close = { timeout: 120_000 };
const ANY_STREAM = 2 ** 31 - 1;
const NO_ERROR = 0;
/** The code of a request that the server has not processed: the client may send it again (RFC 9113, 8.7). */
const REFUSED = { body: '', error: 'ERR_HTTP2_STREAM_ERROR', rstCode: 7 };
/** Node 24 and newer close the sessions of an HTTP/2 server in its close(). */
const NODE_CLOSES_SESSIONS = Number.parseInt(process.versions.node, 10) >= 24;

const CASES = ENGINES.flatMap((engine) => (['http2', 'http2s'] as const).map((kind) => ({ engine, kind })));

describe.each(CASES)('$kind, $engine engine', ({ engine, kind }) => {
  let host: CloseServerHost;
  let client: Remote;
  beforeAll(async () => {
    host = await CloseServerHost.start({ engine, isolated });
    client = new Remote('shutdown/close-server-client', { prefix: host.prefix });
    await client.ready();
  });
  afterAll(() => Promise.all([host, client].map((each) => each[Symbol.asyncDispose]())));

  const start = (options?: ServeOptions) => host.serve(kind, options);

  let session: number;
  async function connect({ address }: ServerToClose): Promise<void> {
    session = await client.call<number>('connect', {
      url: `${kind === 'http2' ? 'http' : 'https'}://${address.host}:${address.port}`,
    });
  }

  const goaway = () => client.next(`${session} goaway`);
  const closed = () => client.next(`${session} closed`);

  const request = (path: string) => client.call<number>('request', { path });
  const response = (number: number) => client.call<object>('response', { number });

  // Longer than a timer of Node.
  test('a long settle makes no timer overflow', async () => {
    await using server = await start();
    await connect(server);
    await response(await request('/now'));
    await server.close({ ...PATIENT, settle: 2 ** 31 });
    await closed();
    expect(await server.report()).toMatchObject({ cut: 0 });
    expect(host.count('warning')).toBe(0);
  });

  test('an idle session ends after GOAWAY', async () => {
    await using server = await start();
    await connect(server);
    expect(await response(await request('/now'))).toEqual({ status: 200, body: 'now' });
    await server.close(PATIENT);
    expect(await goaway()).toEqual({ code: NO_ERROR, lastStream: ANY_STREAM });
    await closed();
    expect(await server.report()).toMatchObject({ cut: 0 });
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('streams in flight finish, then the session ends', async () => {
    await using server = await start();
    await connect(server);
    const held = await request('/held');
    await server.next('request');
    await server.close(PATIENT);
    expect(await goaway()).toEqual({ code: NO_ERROR, lastStream: ANY_STREAM });
    await server.call('release');
    expect(await response(held)).toEqual({ status: 200, body: 'held' });
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('after GOAWAY a client begins no new streams on the session', async () => {
    await using server = await start();
    await connect(server);
    const held = await request('/held');
    await server.next('request');
    await server.close(PATIENT);
    await goaway();
    await expect(request('/now')).rejects.toMatchObject({ code: 'ERR_HTTP2_GOAWAY_SESSION' });
    await server.call('release');
    expect(await response(held)).toEqual({ status: 200, body: 'held' });
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('a large response is delivered', async () => {
    await using server = await start();
    await connect(server);
    const big = await request('/big');
    await server.next('request');
    await server.close(PATIENT);
    const { body, ...head } = (await response(big)) as { body: string };
    expect({ ...head, length: body.length }).toEqual({ status: 200, length: 8 << 20 });
    await goaway();
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('drainDelay: a new session gets its answer, and GOAWAY with it', async () => {
    await using server = await start();
    await server.close({ ...PATIENT, drainDelay: 60_000, signal: 'controller' });
    await connect(server);
    // The client is told only after its first request, so it may take its time.
    await server.next('session');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(client.count(`${session} goaway`)).toBe(0);
    expect(await response(await request('/now'))).toEqual({ status: 200, body: 'now' });
    expect(await goaway()).toEqual({ code: NO_ERROR, lastStream: ANY_STREAM });
    await closed();
    // The client sees the end of its session first, and what is then still open at an abort is cut.
    await expect.poll(() => server.state(), { timeout: 20_000 }).toMatchObject({ connections: 0 });
    await server.call('abort');
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0, aborted: true });
  });

  test('a new session has a second for its first request', async () => {
    await using server = await start();
    await connect(server);
    await server.next('session');
    let now = 0;
    await server.closeThenBlock(async () => {
      now = await request('/now');
    }, PATIENT);
    expect(await response(now)).toEqual({ status: 200, body: 'now' });
    await goaway();
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test('timeout cuts a stream that hangs', async () => {
    await using server = await start();
    await connect(server);
    const held = await request('/held');
    await server.next('request');
    await server.close({ timeout: 400 });
    await goaway();
    const end = await response(held);
    expect(end).toMatchObject({ body: '' });
    await closed();
    expect(await server.report()).toMatchObject({ finished: 0, cut: 1 });
    expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
  });

  test('without lingerOnClose before: a session is told with its next request', async () => {
    await using server = await start({ attach: false });
    await connect(server);
    const held = await request('/held');
    await server.next('request');
    await server.close(PATIENT);
    const now = await request('/now').catch(() => undefined);
    // If Node has told it at once, a request that crosses GOAWAY is refused.
    const answers = [{ status: 200, body: 'now' }, ...(NODE_CLOSES_SESSIONS ? [REFUSED] : [])];
    if (now !== undefined) expect(answers).toContainEqual(await response(now));
    await goaway();
    await server.call('release');
    expect(await response(held)).toEqual({ status: 200, body: 'held' });
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
  });

  test.skipIf(!isolated)(`no connection is reset${NETNS_SKIPPED}`, async () => {
    await using server = await start();
    const before = await host.resets();
    await connect(server);
    const big = await request('/big');
    const held = await request('/held');
    await server.next('request');
    await server.next('request');
    await server.close(PATIENT);
    await server.call('release');
    const { body } = (await response(big)) as { body: string };
    expect(body.length).toBe(8 << 20);
    expect(await response(held)).toEqual({ status: 200, body: 'held' });
    await goaway();
    await closed();
    expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
    expect((await host.resets()) - before).toBe(0);
  });

  test.skipIf(kind === 'http2')('allowHTTP1: HTTP/1 connections on the same port are closed as HTTP/1', async () => {
    await using server = await start();
    const idle = await server.idle();
    const held = await server.request('/held');
    const silent = await server.connect();
    await server.close(PATIENT);
    await server.call('release');
    expect(await answer(held)).toMatchObject({ connection: 'close', body: 'held' });
    for (const peer of [idle, held, silent]) {
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
    }
    const { outcomes, ...figures } = await server.report();
    const { outcomes: _none, ...expected } = reported({ idle: 2, finished: 1 });
    expect(figures).toEqual(expected);
    expect(outcomes).toMatchObject({ timeout: 0, error: 0 });
  });
});
