// safeClose in an HTTP server that answers before it has read the upload: every client gets its 413.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { UPGRADE } from '../support/http-text.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES, type Engine, ended, known, MB } from '../support/safe-close-host.ts';

const client = (name: string) => fileURLToPath(new URL(`../clients/${name}`, import.meta.url));

const CLIENTS: [name: string, command: (url: string, count: number) => string[]][] = [
  ['fetch', (url, count) => [process.execPath, client('upload-fetch.mjs'), url, String(count)]],
  ['http.request', (url, count) => [process.execPath, client('upload-http.mjs'), url, String(count)]],
  ['http.client of Python', (url, count) => ['python3', client('upload.py'), url, String(count)]],
  ['curl', (url, count) => ['sh', client('upload-curl.sh'), url, String(count), 'length']],
];

const hasCurl = spawnSync('curl', ['--version']).status === 0;

interface Message {
  port?: number;
  report?: object;
  requests?: number;
  closed?: true;
}

async function serve(engine: Engine, size: number) {
  const fixture = new Fixture<Message>('close/safe-close-http', {
    args: [String(size)],
    execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
  });
  const { port } = await fixture.next();
  return { fixture, port: port as number, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
}

async function linesOf([command, ...args]: string[]): Promise<string[]> {
  const child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let stdout = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  await once(child, 'close');
  return stdout.trim().split('\n');
}

describe.each(ENGINES)('%s engine', (engine) => {
  for (const [name, command] of CLIENTS) {
    const missing = name === 'curl' && !hasCurl;
    test.skipIf(missing)(
      `${name}: 20 of 20 uploads of 5 MB get their 413${missing ? ' [skipped: curl is not installed]' : ''}`,
      async () => {
        await using server = await serve(engine, 1_000);
        expect(await linesOf(command(`http://127.0.0.1:${server.port}/`, 20))).toEqual(Array(20).fill('413 1000'));
      },
    );
  }

  // A request after one that was answered with `Connection: close` must not be processed (RFC 9112, 9.6). A request in
  // the same segment is: Node's parser hands it out before anything can close.
  test.each([
    ['comes after the answer is not handled', 1],
    ['comes with the first is handled, as in plain Node', 2],
  ])('a request that %s', async (_what, atOnce) => {
    await using server = await serve(engine, 1_000);
    await using peer = await Peer.connect({ host: '127.0.0.1', port: server.port });
    const request = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc';
    await peer.write(request.repeat(atOnce));
    expect(await peer.receive()).toMatchObject({ tail: 'x'.repeat(64), end: 'eof' });
    await peer.write(request);
    await peer.close();
    expect(await server.fixture.next()).toMatchObject({ requests: atOnce, report: { outcome: 'eof' } });
  });

  async function serveByHand(of: string, options: object) {
    const fixture = new Fixture<Message>('close/safe-close-by-hand', {
      args: [of, JSON.stringify(options)],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
    });
    const { port } = await fixture.next();
    return { fixture, port: port as number, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() };
  }

  test('a response that an application has made itself, of a request that is no stream', async () => {
    await using server = await serveByHand('no stream', {});
    await using peer = await Peer.connect({ host: '127.0.0.1', port: server.port });
    await peer.write(UPGRADE);
    expect((await peer.receive(20 * MB)).received).toBe(20 * MB);
    await peer.receive();
    await peer.close();
    expect(await server.fixture.next()).toMatchObject({ report: { outcome: 'eof' } });
  });

  test('maxBytes holds where such a response is flushed, and its request is not what is read', async () => {
    await using server = await serveByHand('the request', { maxBytes: MB, idleTimeout: 1_500 });
    await using peer = await Peer.connect({ host: '127.0.0.1', port: server.port });
    await peer.write(UPGRADE);
    const sent = peer.send(16 * MB).catch(() => {});
    const { report } = (await server.fixture.next()) as { report: CloseReport };
    expect(report.outcome).toBe('idle');
    // The read that is under way may go beyond it.
    expect(report.discardedBytes).toBeLessThan(2 * MB);
    await peer.kill();
    await sent;
  });

  test('a response of 20 MB to a client that uploads 90 MB before it reads', async () => {
    await using server = await serve(engine, 20 * MB);
    await using peer = await Peer.connect({ host: '127.0.0.1', port: server.port });
    await peer.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${90 * MB}\r\n\r\n`);
    expect(await peer.send(90 * MB)).toEqual({ sent: 90 * MB });
    const answer = await peer.receive();
    expect(answer).toMatchObject({ end: 'eof', tail: 'x'.repeat(64) });
    expect(answer.received).toBeGreaterThan(20 * MB);
    await peer.close();
    const { report } = await server.fixture.next();
    expect(report).toMatchObject({ outcome: 'eof', delivered: known(engine, true) });
  });

  test('server.close() calls back, and the process ends by itself', async () => {
    await using server = await serve(engine, 1_000);
    await using peer = await Peer.connect({ host: '127.0.0.1', port: server.port });
    await peer.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n');
    expect(await peer.receive()).toMatchObject({ end: 'eof' });
    server.fixture.send({ close: true });
    await peer.close();
    const messages = [await server.fixture.next(), await server.fixture.next()];
    expect(messages).toContainEqual({ report: ended(engine, 'eof'), requests: 1 });
    expect(messages).toContainEqual({ closed: true });
    expect(await server.fixture.exit).toEqual({ code: 0, signal: null });
  });
});
