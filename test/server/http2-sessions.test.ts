// The end of HTTP/2 sessions: floods are cut off, what is thrown away is not told as delivered, and `register` knows
// the first session.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { Http2Peer } from '../support/http2-peer.ts';
import { Remote } from '../support/remote.ts';

const ENDLESS = { idleTimeout: 600_000, timeout: 600_000 };
const FLAT_OUT = { settings: { maxConcurrentStreams: 10 } };

interface End {
  outcome: string;
  delivered: boolean | null;
}

async function start(execArgv: string[] = []): Promise<Remote> {
  const application = new Remote('server/http2-sessions', { execArgv });
  await application.ready();
  return application;
}

const serve = (application: Remote, options: object) =>
  application.call<{ number: number; port: number }>('serve', options);

let application: Remote;
beforeAll(async () => {
  application = await start();
});
afterAll(() => application[Symbol.asyncDispose]());

describe.each([{ tls: false }, { tls: true }])('TLS: $tls', ({ tls }) => {
  let server: number;
  const connect = async (way: string, options: object = {}) => {
    const { number, port } = await serve(application, { way, tls, attach: ENDLESS, ...options });
    server = number;
    return Http2Peer.connect(port, { tls });
  };
  const next = <Data>(event: string) => application.next<Data>(`${server} ${event}`);

  const FLOODS: [string, string, object?][] = [
    ['PING', 'ERR_HTTP2_ERROR'],
    ['SETTINGS', 'ERR_HTTP2_ERROR'],
    ['CONTINUATION', 'ERR_HTTP2_ERROR'],
    ['invalid frames', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES'],
    ['empty DATA', 'ERR_HTTP2_TOO_MANY_INVALID_FRAMES'],
    ['rejected streams', 'ERR_HTTP2_', FLAT_OUT],
    ['WINDOW_UPDATE of nothing', 'ERR_HTTP2_ERROR'],
    ['WINDOW_UPDATE of too much', 'ERR_HTTP2_ERROR'],
    ['GOAWAY with an error, and PING', 'ERR_HTTP2_SESSION_ERROR'],
  ];

  test.each(FLOODS.flatMap((flood) => [true, false].map((reads) => [...flood, reads] as const)))(
    'a flood is cut off, as without the package: %s',
    async (kind, code, ...rest) => {
      const reads = rest.at(-1);
      const options = rest.length > 1 ? rest[0] : {};
      await using peer = await connect('an endless response', { options });
      const { seconds } = await peer.do<{ seconds: number | null }>('flood', { kind, reads, seconds: 20 });
      // With the package as it was, the connection lingered for as long as the limits allow.
      expect(seconds).not.toBeNull();
      expect(await next('sessionError')).toMatchObject({ code: expect.stringContaining(code) });
    },
  );

  test.each(['a response larger than the windows', 'a file'])(
    '%s is thrown away by session.destroy(): not delivered',
    async (way) => {
      await using peer = await connect(way);
      await peer.request(1, { method: 'GET', end: true });
      await peer.frames('DATA');
      await application.call('destroy');
      await peer.frames('never');
      await peer.do('close');
      const { delivered } = await next<End>('end');
      expect(delivered).not.toBe(true);
    },
  );

  test('a whole response, and session.destroy(): delivered', async () => {
    await using peer = await connect('a whole response');
    await peer.request(1, { method: 'GET', end: true });
    await peer.frames('DATA');
    await peer.framesSoFar();
    await application.call('destroy');
    await peer.frames('never');
    await peer.do('close');
    expect(await next<End>('end')).toEqual({ outcome: 'eof', delivered: true });
  });

  test('session.destroy(ENHANCE_YOUR_CALM) cuts off', async () => {
    await using peer = await connect('an endless response');
    await peer.request(1);
    await next('stream');
    await application.call('destroy', { args: [11] });
    expect(await peer.do('flood', { kind: 'PING', reads: true, seconds: 20 })).not.toEqual({ seconds: null });
  });
});

test.each([[[]], [['--import', 'lingering-close/register']]])(
  'closeServer tells the first session in clear text, %j',
  async (execArgv) => {
    await using registered = await start(execArgv);
    const attach = execArgv.length === 0 ? ENDLESS : undefined;
    const { number, port } = await serve(registered, { way: 'an endless response', attach });
    await using peer = await Http2Peer.connect(port);
    await peer.request(1);
    await registered.next(`${number} stream`);
    const report = registered.call('closeServer', { options: { timeout: 600_000 } });
    // At once, and not when time is over.
    expect((await peer.frames('GOAWAY')).at(-1)).toMatchObject({ code: 0 });
    await peer.do('rst', { stream: 1, code: 8 });
    await peer.frames('never');
    await peer.do('close');
    expect(await report).toMatchObject({ cut: 0 });
  },
);

test('a destroy() that the application has put on a session before is called', async () => {
  expect(await application.call('replaced')).toBeGreaterThan(0);
});

test.each(['a net server', 'a net server that looks at the first bytes', 'a tls server', 'another process'])(
  'register covers a server that never listens, and is handed its sessions by %s',
  async (from) => {
    await using fixture = new Fixture<Record<string, unknown>>('server/register-handed-over-http2', {
      args: [from],
      execArgv: ['--import', 'lingering-close/register'],
    });
    const { port } = await fixture.next();
    for (let i = 0; i < 2; i++) {
      await using peer = await Http2Peer.connect(port as number, { tls: from === 'a tls server' });
      await peer.request(1, { method: 'POST', end: false });
      // RST_STREAM behind the early answer waits for the acknowledgement.
      const frames = await peer.frames('PING');
      expect(frames.some(({ stream, end }) => stream === 1 && end === true)).toBe(true);
      expect(frames.some(({ type }) => type === 'RST_STREAM')).toBe(false);
      await peer.do('close');
    }
  },
);
