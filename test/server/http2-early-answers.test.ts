// HTTP/2: RST_STREAM behind an early answer waits for a round trip, and for no other stream.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Frame, Http2Peer } from '../support/http2-peer.ts';
import { Remote } from '../support/remote.ts';

const NO_ERROR = 0;
const CANCEL = 8;
const ENDLESS = { idleTimeout: 600_000 };

class Application extends Remote {
  static async start(): Promise<Application> {
    const application = new Application('server/http2-early-answers');
    await application.ready();
    return application;
  }

  serve(way: string, options: object = {}): Promise<number> {
    return this.call<number>('serve', { way, attach: ENDLESS, ...options });
  }
}

/** `type`s alone, with what matters of each frame. */
function brief(frames: Frame[]): string[] {
  return frames.map(({ type, stream, end, code }) =>
    [type, stream || '', end ? 'END_STREAM' : '', code ?? ''].filter((word) => word !== '').join(' '),
  );
}

const isReset = ({ type }: Frame) => type === 'RST_STREAM';
const isPing = ({ type, ack }: Frame) => type === 'PING' && !ack;
const endOf = (frames: Frame[], stream: number) =>
  frames.findIndex((frame) => frame.stream === stream && frame.end === true);

const EARLY = [
  'respond',
  'respond with endStream',
  'respond, and end in a later turn',
  'respond with trailers',
  'respond and close()',
  'respond and close(NO_ERROR, callback)',
  'respond, and session.close()',
  'respond, and server.close()',
  'respond with a push',
  'compat: end()',
  'compat: write() and end()',
  'compat: end(), and the request is destroyed',
];

let application: Application;
beforeAll(async () => {
  application = await Application.start();
});
afterAll(() => application[Symbol.asyncDispose]());

describe.each([{ tls: false }, { tls: true }])('TLS: $tls', ({ tls }) => {
  const connect = async (way: string, options: object = {}) =>
    Http2Peer.connect(await application.serve(way, { tls, ...options }), { tls });

  test.each(EARLY)('%s: RST_STREAM comes when PING is acknowledged', async (way) => {
    await using peer = await connect(way);
    await peer.request(1, { body: 1_000 });
    const frames = await peer.frames('PING');
    const ping = frames.at(-1) as Frame;
    expect(endOf(frames, 1)).toBeGreaterThan(-1);
    // The server goes on, and neither resets the stream nor gives it a window.
    frames.push(...(await peer.framesSoFar()));
    await peer.do('data', { stream: 1, bytes: 16_000 });
    frames.push(...(await peer.framesSoFar()));
    expect(frames.filter((frame) => isReset(frame) && frame.stream === 1)).toEqual([]);
    expect(frames.filter(({ type, stream }) => type === 'WINDOW_UPDATE' && stream === 1)).toEqual([]);
    await peer.acknowledge(ping);
    expect(brief(await peer.frames('RST_STREAM')).at(-1)).toBe(`RST_STREAM 1 ${NO_ERROR}`);
  });

  test.each(EARLY)('control: plain Node, %s: RST_STREAM waits for nothing', async (way) => {
    await using peer = await connect(way, { attach: undefined });
    await peer.request(1, { body: 1_000 });
    const frames = await peer.frames('RST_STREAM');
    expect(frames.filter(isPing)).toEqual([]);
    expect(endOf(frames, 1)).toBeGreaterThan(-1);
  });

  test('the client ends its request: no RST_STREAM', async () => {
    await using peer = await connect('respond');
    await peer.request(1);
    const ping = (await peer.frames('PING')).at(-1) as Frame;
    await peer.do('data', { stream: 1, bytes: 10, end: true });
    expect(await application.next('closed')).toEqual({ rstCode: NO_ERROR, closed: true });
    await peer.acknowledge(ping);
    expect((await peer.framesSoFar()).filter(isReset)).toEqual([]);
  });

  test.each([CANCEL, 2])('the client resets the stream with code %i: no RST_STREAM, no error', async (code) => {
    await using peer = await connect('respond');
    await peer.request(1);
    const ping = (await peer.frames('PING')).at(-1) as Frame;
    await peer.do('rst', { stream: 1, code });
    expect(await application.next('closed')).toEqual({ rstCode: NO_ERROR, closed: true });
    await peer.acknowledge(ping);
    expect((await peer.framesSoFar()).filter(isReset)).toEqual([]);
  });

  test('idleTimeout ends the wait where no PING comes back, and the next stream does not wait', async () => {
    await using peer = await connect('respond', { attach: { idleTimeout: 100 } });
    await peer.request(1);
    expect(brief(await peer.frames('RST_STREAM'))).toContain('PING');
    await peer.request(3);
    const frames = await peer.frames('RST_STREAM');
    expect(brief(frames).at(-1)).toBe(`RST_STREAM 3 ${NO_ERROR}`);
    expect(frames.filter(isPing)).toEqual([]);
  });

  test('streams that are answered together wait for one PING', async () => {
    await using peer = await connect('respond');
    const streams = Array.from({ length: 20 }, (_, index) => 2 * index + 1);
    await peer.request(streams);
    const ping = (await peer.frames('PING')).at(-1) as Frame;
    expect(await peer.framesSoFar()).not.toContainEqual(expect.objectContaining({ type: 'PING' }));
    await peer.acknowledge(ping);
    const frames = await peer.frames('RST_STREAM', 20);
    expect(frames.filter(isReset).map(({ stream }) => stream)).toEqual(streams);
  });

  test('a hundred streams of a session wait at most, and as many of a server as may linger', async () => {
    await using peer = await connect('respond', { options: { settings: { maxConcurrentStreams: 1_000 } } });
    // By then the client's SETTINGS are acknowledged.
    await peer.framesSoFar();
    await peer.request(Array.from({ length: 90 }, (_, index) => 2 * index + 1));
    await peer.frames('PING');
    await peer.request(Array.from({ length: 60 }, (_, index) => 2 * index + 181));
    const resets = (await peer.frames('RST_STREAM', 50)).filter(isReset);
    expect(resets.map(({ stream }) => stream)).toEqual(Array.from({ length: 50 }, (_, index) => 2 * index + 1));
    expect((await peer.framesSoFar()).filter(isReset)).toEqual([]);

    await using other = await connect('respond', { attach: { ...ENDLESS, maxLingering: 1 } });
    await other.request([1, 3, 5]);
    expect(brief((await other.frames('RST_STREAM', 2)).filter(isReset))).toEqual([
      `RST_STREAM 1 ${NO_ERROR}`,
      `RST_STREAM 3 ${NO_ERROR}`,
    ]);
    expect((await other.framesSoFar()).filter(isReset)).toEqual([]);
  });

  test('maxLingering: 0 holds nothing back', async () => {
    await using peer = await connect('respond', { attach: { ...ENDLESS, maxLingering: 0 } });
    await peer.request(1);
    expect((await peer.frames('RST_STREAM')).filter(isPing)).toEqual([]);
  });

  test('a stream that is destroyed while it waits is reset, without an error', async () => {
    await using peer = await connect('respond, and destroy() when told');
    await peer.request(1);
    await peer.frames('PING');
    await application.call('tell');
    expect(brief(await peer.frames('RST_STREAM'))).toEqual([`RST_STREAM 1 ${NO_ERROR}`]);
    expect(await application.next('closed')).toEqual({ rstCode: NO_ERROR, closed: true });
  });

  test('a session that is destroyed while a stream waits ends at once', async () => {
    await using peer = await connect('respond, and session.destroy() when told');
    await peer.request(1);
    await peer.frames('PING');
    await application.call('tell');
    expect(await application.next('closed')).toEqual({ rstCode: NO_ERROR, closed: true });
    expect(brief(await peer.frames('never'))).toContain('GOAWAY 0');
  });

  test.each(['reset', 'close'])(
    '%s by the peer while a stream waits: the stream is closed, without an error',
    async (end) => {
      await using peer = await connect('respond');
      await peer.request(1);
      await peer.frames('PING');
      await peer.do(end);
      expect(await application.next('closed')).toEqual({ rstCode: NO_ERROR, closed: true });
    },
  );

  test('disable(): streams that wait wait on, and no other does', async () => {
    await using peer = await connect('respond');
    await peer.request(1);
    const ping = (await peer.frames('PING')).at(-1) as Frame;
    await application.call('disable');
    await peer.request(3);
    expect(brief((await peer.frames('RST_STREAM')).filter(isReset))).toEqual([`RST_STREAM 3 ${NO_ERROR}`]);
    await peer.acknowledge(ping);
    expect(brief((await peer.frames('RST_STREAM')).filter(isReset))).toEqual([`RST_STREAM 1 ${NO_ERROR}`]);
  });

  test('a request without a body, or that was read, is not touched', async () => {
    await using peer = await connect('read and respond at once');
    await peer.request(1, { method: 'GET', end: true });
    await peer.request(3, { body: 1_000, end: true });
    await peer.request(5, { end: true, body: 1 });
    const frames = [...(await peer.frames('DATA', 3)), ...(await peer.framesSoFar())];
    expect([1, 3, 5].map((stream) => endOf(frames, stream)).every((index) => index >= 0)).toBe(true);
    expect(frames.filter((frame) => isReset(frame) || isPing(frame))).toEqual([]);
    await using reader = await connect('read the request, then respond');
    await reader.request(1, { body: 1_000, end: true });
    expect((await reader.frames('DATA')).filter((frame) => isReset(frame) || isPing(frame))).toEqual([]);
  });

  test('a stream that is aborted is reset at once', async () => {
    await using peer = await connect('close(CANCEL) in mid-response');
    await peer.request(1);
    const frames = await peer.frames('RST_STREAM');
    expect(brief(frames).at(-1)).toBe(`RST_STREAM 1 ${CANCEL}`);
    expect(frames.filter(isPing)).toEqual([]);
    await using other = await connect('close() without a response');
    await other.request(1);
    expect((await other.frames('RST_STREAM')).filter(isPing)).toEqual([]);
  });
});
