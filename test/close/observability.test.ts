// The examples of docs/observability.md, each with a server that lingers and a real peer.
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { ExampleFolder, examplesOf } from '../support/documentation.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';

const examples = examplesOf('docs/observability.md');
const folder = new ExampleFolder(examples, ['prom-client', '@opentelemetry/api']);
afterAll(() => folder[Symbol.dispose]());

interface Scrape {
  prometheus: string;
  opentelemetry: { name: string; points: { value: number; attributes: object }[] }[];
}

async function scrape(program: Program): Promise<Scrape> {
  const answer = once(program.process, 'message');
  program.send('scrape');
  return (await answer)[0] as Scrape;
}

/** What a scrape finds while one connection lingers and another has lingered. */
async function scrapeWithTwo(name: string, isOver: (scrape: Scrape) => boolean): Promise<Scrape> {
  await using program = start(name, 10, Infinity);
  const address = { host: '127.0.0.1', port: await program.port() };
  await using over = await Peer.connect(address);
  expect(await over.receive()).toMatchObject({ received: 10, end: 'eof' });
  await over.close();
  await using lingering = await Peer.connect(address);
  expect(await lingering.receive()).toMatchObject({ received: 10, end: 'eof' });
  let found = await scrape(program);
  while (!isOver(found)) found = await scrape(program);
  expect(program.stderr).toBe('');
  return found;
}

function start(name: string, bytes: number, idleTimeout: number): Program {
  const env = { BYTES: String(bytes), IDLE_TIMEOUT: String(idleTimeout) };
  return new Program(folder.fileOf(name), { preload: 'close/observability-server', env });
}

describe('docs/observability.md', () => {
  test('has these examples', () => {
    expect(examples.map(({ name }) => name)).toEqual(['log', 'lingers', 'prometheus', 'opentelemetry']);
  });

  test('log: each client that missed something is named', async () => {
    await using program = start('log', 64 * 1024, 100);
    await using peer = await Peer.connect({ host: '127.0.0.1', port: await program.port() }, { receiveBuffer: 4096 });
    // The line may have been printed already.
    while (!program.stderr.includes('\n')) await once(program.process.stderr as Readable, 'data');
    expect(program.stderr).toMatch(/^127\.0\.0\.1 may have missed the end of an answer: idle, [1-9]\d+ bytes\n$/);
    expect((await peer.receive()).received).toBeGreaterThan(0);
  });

  test('lingers: a signal shows them, by server', async () => {
    await using program = start('lingers', 10, Infinity);
    const port = await program.port();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    expect(await peer.receive()).toMatchObject({ received: 10, end: 'eof' });
    await peer.close();
    const shown = `{ 'port ${port}: eof': 1 }\n`;
    // Until the end has been noticed, it shows none.
    while (!program.stderr.endsWith(shown)) {
      program.process.kill('SIGUSR2');
      await once(program.process.stderr as Readable, 'data');
    }
    expect(program.stderr.replaceAll('{}\n', '')).toBe(shown);
  });

  test('prometheus', async () => {
    const { prometheus } = await scrapeWithTwo('prometheus', (found) => found.prometheus.includes('lingers_total{'));
    expect(prometheus).toMatch(/^lingering_connections 1$/m);
    expect(prometheus).toMatch(/^lingers_total\{outcome="eof"\} 1$/m);
    expect(prometheus).toMatch(/^tcp_aborted_on_close \d+$/m);
  });

  test('opentelemetry', async () => {
    const { opentelemetry } = await scrapeWithTwo('opentelemetry', (found) =>
      found.opentelemetry.some(({ name }) => name === 'linger.ended'),
    );
    expect(opentelemetry).toEqual([
      { name: 'linger.active', points: [{ value: 1, attributes: {} }] },
      { name: 'linger.ended', points: [{ value: 1, attributes: { outcome: 'eof' } }] },
      { name: 'tcp.aborted_on_close', points: [{ value: expect.any(Number), attributes: {} }] },
    ]);
  });
});
