// Every way in which a Node server closes a connection: the kernel counts the resets, in a namespace without other
// connections. Plain Node must reset in each of them, or the case would prove nothing. With lingerOnClose there must be
// no reset.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHUNKED, GET, HTTP2_POST, post, UPGRADE } from '../support/http-text.ts';
import { type HostedServer, type Kind, LingerOnCloseHost, type ServeOptions } from '../support/linger-on-close-host.ts';
import { NETNS_SKIPPED, netnsPermitted } from '../support/netns.ts';
import type { Peer, PeerOptions } from '../support/peer.ts';
import { KB, MB } from '../support/safe-close-host.ts';

interface Way extends ServeOptions {
  behaviour: string;
  kinds?: Kind[];
  peer?: PeerOptions;
  /** What the peer does, and what it has seen by then. */
  visit(peer: Peer, hosted: HostedServer): Promise<unknown>;
  /** What the peer must have seen of a server that lingers. */
  sees: unknown;
  /** Without the addon the receive queue cannot be seen. */
  nativeOnly?: true;
}

const HTTP: Kind[] = ['http', 'https'];

/** Sends much, and then reads everything: a client that writes before it reads. */
function writeAll(head: string, bytes = 8 * MB) {
  return async (peer: Peer) => {
    await peer.write(head);
    const { sent, error } = await peer.send(bytes);
    const { tail, end } = await peer.receive(undefined, { keep: 1_000 });
    return { sent, error, tail, end };
  };
}

/** Reads to the end, and still has something to write. */
function readThenWrite(head: string) {
  return async (peer: Peer) => {
    if (head) await peer.write(head);
    const { tail, end } = await peer.receive(undefined, { keep: 1_000 });
    const { sent, error } = await peer.send(100, { raw: true });
    return { sent, error, tail, end, broken: await peer.untilBroken(0.05) };
  };
}

/** destroy() of a TLS socket sends no close_notify. This peer takes that for an error, with us and with plain Node. */
const FIN = expect.stringMatching(/^(eof|SSLEOFError)$/);
const all = (tail: unknown, sent = 8 * MB) => ({ sent, tail, end: FIN });
const X = expect.stringMatching(/x{64}$/);
const contains = (text: string) => expect.stringContaining(text);

const WAYS: Record<string, Way> = {
  'Connection: close before the upload is read': {
    behaviour: 'early 413',
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  'Connection: close, with a chunked upload': {
    behaviour: 'early 413, chunked',
    visit: writeAll(`${CHUNKED}800000\r\n`),
    sees: all(contains('x\r\n0\r\n\r\n')),
  },
  'Connection: close, with an upload after a pipelined request': {
    behaviour: 'early 413',
    visit: writeAll(GET + post(8 * MB)),
    sees: all(X),
  },
  'response.end(), request.destroy()': {
    behaviour: 'answer and request.destroy()',
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  'response.flushHeaders(), response.end(), request.destroy()': {
    behaviour: 'head, answer, request.destroy()',
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  'request.destroy() in a later turn': {
    behaviour: 'answer, then request.destroy() in the next turn',
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  'for await (const chunk of request) break': {
    behaviour: 'for await, break',
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  '400: a request that cannot be parsed': {
    behaviour: 'answer',
    visit: writeAll('GET / HTTP/1.1\r\nno header\r\n\r\n'),
    sees: all(contains('400 Bad Request')),
  },
  '408: a head that does not come in time': {
    behaviour: 'answer',
    options: { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 20 },
    visit: readThenWrite('GET / HTTP/1.1\r\nHost: x\r\n'),
    sees: { sent: 100, tail: contains('408 Request Timeout'), end: FIN, broken: null },
  },
  '408: a body that does not come in time': {
    behaviour: 'answer',
    options: { headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 20 },
    visit: readThenWrite(post(1_000)),
    sees: { sent: 100, tail: contains('408 Request Timeout'), end: FIN, broken: null },
  },
  '413: chunk extensions that are too long': {
    behaviour: 'answer',
    visit: writeAll(`${CHUNKED}1;${'e'.repeat(17 * KB)}`),
    sees: all(contains('413 Payload Too Large')),
  },
  '431: a head that is too long': {
    behaviour: 'answer',
    visit: writeAll(`GET / HTTP/1.1\r\nHost: x\r\nLong: ${'h'.repeat(17 * KB)}`),
    sees: all(contains('431 Request Header Fields Too Large')),
  },
  "a 'clientError' listener that answers and destroys": {
    behaviour: 'clientError: end',
    visit: writeAll('no request\r\n\r\n'),
    sees: all(contains('400 Mine')),
  },
  'an expectation that is refused with 417': {
    behaviour: '417 for an expectation',
    visit: async (peer) => {
      await peer.write(post(8 * MB, 'Expect: 100-continue\r\n'));
      return writeAll('')(peer);
    },
    sees: all(contains('Connection: close')),
  },
  'server.timeout in the middle of an upload': {
    behaviour: 'half an answer',
    properties: { timeout: 60_000 },
    args: { timeout: 100 },
    visit: writeAll(post(8 * MB)),
    sees: all(X),
  },
  'keepAliveTimeout, with the next request waiting in the kernel': {
    behaviour: 'answer',
    properties: { keepAliveTimeout: 50 },
    // What becomes of it otherwise: see idle-closes.test.ts.
    attach: { readBeforeIdleClose: false },
    kinds: ['http'],
    visit: async (peer, hosted) => {
      // Node adds a second to the time-out.
      await hosted.blocked(() => peer.write(GET), { pause: 1_200, afterAnswerTo: () => peer.write(GET) });
      return await peer.receive();
    },
    sees: { received: expect.any(Number), tail: contains('xx'), end: FIN },
    nativeOnly: true,
  },
  'closeIdleConnections(), with the next request waiting in the kernel': {
    behaviour: 'answer',
    attach: { readBeforeIdleClose: false },
    visit: async (peer, hosted) => {
      await peer.write(GET);
      await hosted.said('request');
      await hosted.blocked(() => peer.write(GET), { method: 'closeIdleConnections' });
      return await peer.receive();
    },
    sees: { received: expect.any(Number), tail: contains('xx'), end: FIN },
    nativeOnly: true,
  },
  'closeAllConnections() in the middle of an upload': {
    behaviour: 'half an answer',
    visit: async (peer, hosted) => {
      await peer.write(post(8 * MB));
      await hosted.said('answered');
      await hosted.call('method', { method: 'closeAllConnections' });
      return writeAll('')(peer);
    },
    sees: all(X),
  },
  'an upgrade that is rejected by write() and destroy()': {
    behaviour: 'upgrade: write, destroy',
    visit: writeAll(UPGRADE),
    sees: all(contains('401 Unauthorized')),
  },
  'an upgrade that is rejected by end(), and destroyed on finish': {
    behaviour: 'upgrade: end, destroy on finish',
    visit: writeAll(UPGRADE),
    sees: all(contains('401 Unauthorized')),
  },
  'an upgrade that is rejected by destroySoon()': {
    behaviour: 'upgrade: destroySoon',
    visit: writeAll(UPGRADE),
    sees: all(contains('401 Unauthorized')),
  },
  'net: write() and destroy()': {
    kinds: ['net', 'tls'],
    behaviour: 'write, destroy',
    visit: writeAll(''),
    sees: all(X),
  },
  'net: write() and destroySoon()': {
    kinds: ['net', 'tls'],
    behaviour: 'write, destroySoon',
    visit: writeAll(''),
    sees: all(X),
  },
  'net: end(), destroyed on finish': {
    kinds: ['net', 'tls'],
    behaviour: 'end, destroy on finish',
    visit: writeAll(''),
    sees: all(X),
  },
  'net: a write after end()': {
    kinds: ['net', 'tls'],
    behaviour: 'end, and a write that comes too late',
    visit: writeAll(''),
    sees: all(X),
  },
  'HTTP/2: session.destroy()': {
    kinds: ['http2', 'http2s'],
    peer: { alpn: 'h2' },
    behaviour: 'stream: answer and destroy the session',
    visit: async (peer, hosted) => {
      await peer.write(HTTP2_POST);
      await hosted.said('destroyed');
      return writeAll('')(peer);
    },
    sees: all(contains('too much')),
  },
  'HTTP/2: GOAWAY and session.destroy()': {
    kinds: ['http2', 'http2s'],
    peer: { alpn: 'h2' },
    behaviour: 'stream: goaway and destroy',
    visit: writeAll(HTTP2_POST),
    sees: all(expect.any(String)),
  },
  'HTTP/2: a protocol error of the client': {
    kinds: ['http2', 'http2s'],
    peer: { alpn: 'h2' },
    behaviour: 'nothing',
    visit: writeAll('no preface of HTTP/2'),
    sees: all(expect.any(String)),
  },
};

const CASES = Object.entries(WAYS).flatMap(([name, way]) =>
  (way.kinds ?? HTTP).map((kind) => [`${kind}: ${name}`, kind, way] as const),
);

async function visit(
  host: LingerOnCloseHost,
  kind: Kind,
  { behaviour, visit, peer: options, attach = {}, ...serve }: Way,
  lingers: boolean,
) {
  const before = await host.resets();
  const hosted = await host.serve(kind, behaviour, { ...serve, ...(lingers ? { attach } : {}) });
  const { peer } = await hosted.connect(options);
  const seen = await visit(peer, hosted);
  return {
    hosted,
    seen,
    peer,
    async resets() {
      const { abortOnClose, abortOnData, resetsSent } = await host.resets();
      return {
        aborts: abortOnClose + abortOnData - before.abortOnClose - before.abortOnData,
        resetsSent: resetsSent - before.resetsSent,
      };
    },
  };
}

describe.skipIf(!netnsPermitted())(`plain Node resets the connection${NETNS_SKIPPED}`, () => {
  let host: LingerOnCloseHost;
  beforeAll(async () => {
    host = await LingerOnCloseHost.start({ isolated: true });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  test.each(CASES)('%s', async (_name, kind, way) => {
    const { peer, resets } = await visit(host, kind, way, false);
    await expect.poll(async () => (await resets()).resetsSent, { timeout: 5_000 }).toBeGreaterThan(0);
    await host.peers.release(peer);
  });
});

describe.skipIf(!netnsPermitted()).each(['native', 'streams'] as const)(
  `lingerOnClose, %s engine${NETNS_SKIPPED}`,
  (engine) => {
    let host: LingerOnCloseHost;
    beforeAll(async () => {
      host = await LingerOnCloseHost.start({ engine, isolated: true });
    });
    afterAll(() => host[Symbol.asyncDispose]());

    test.each(CASES.filter(([, , way]) => engine === 'native' || !way.nativeOnly))('%s', async (_name, kind, way) => {
      const { hosted, seen, peer, resets } = await visit(host, kind, way, true);
      expect(seen).toEqual(way.sees);
      await host.peers.release(peer);
      const end = await hosted.end();
      expect(end).toMatchObject({ outcome: 'eof', engine });
      expect(await resets()).toEqual({ aborts: 0, resetsSent: 0 });
      const { active, totals } = await hosted.state();
      expect({
        active,
        outcomes: totals.outcomes.eof,
        bytes: totals.discardedBytes,
        evictions: totals.evictions,
      }).toEqual({
        active: 0,
        outcomes: 1,
        bytes: end.discardedBytes,
        evictions: 0,
      });
    });
  },
);
