// The event loop of a server is blocked, and requests arrive meanwhile. Then Node closes its idle connections, in which
// those requests lie.
import net from 'node:net';
import tls from 'node:tls';
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

type Message = { port?: number; ready?: true; blocks?: true; closed?: true; timeout?: true; destroyed?: boolean };

const CLIENTS = 100;
const POST = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345';

/** More than keepAliveTimeout, and the second that Node 20 adds. */
const LONG = 3_300;

class Client {
  readonly #socket: net.Socket;
  text = '';
  end: string | undefined;
  #requests = 1;
  #wake = () => {};

  constructor(kind: string, port: number) {
    const address = { port, host: '127.0.0.1' };
    this.#socket = kind === 'https' ? tls.connect({ ...address, rejectUnauthorized: false }) : net.connect(address);
    const end = (how: string) => {
      this.end ??= how;
      this.#wake();
    };
    this.#socket
      .on('data', (chunk) => {
        this.text += chunk;
        this.#wake();
      })
      .on('error', (error: NodeJS.ErrnoException) => end(String(error.code)))
      .on('end', () => end('eof'));
  }

  /** Sends a request, or several in one segment, without waiting for anything. */
  request(count = 1): void {
    this.text = '';
    this.#requests = count;
    this.#socket.write(POST.repeat(count));
  }

  /** The answer to the request, or how the connection has ended without one. */
  async answer(): Promise<string | undefined> {
    const isAnswered = () => this.text.split('got 5').length > this.#requests;
    while (!isAnswered() && !this.end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return isAnswered() ? 'answered' : this.end;
  }

  async ended(): Promise<void> {
    while (!this.end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** Two requests of each client, a blocked loop with another one inside, and what comes then. */
async function blocked(
  { kind = 'http', how = 'keepAliveTimeout', options = {} as object | null, execArgv = [] as string[], pipelined = 1 },
  then: (clients: Client[], fixture: Fixture<Message>) => Promise<void> = async () => {},
): Promise<Record<string, number>> {
  await using fixture = new Fixture<Message>('server/idle-closes-host', {
    args: [kind, how, JSON.stringify(options)],
    execArgv,
  });
  const { port } = await fixture.next();
  const clients = Array.from({ length: CLIENTS }, () => new Client(kind, port as number));
  try {
    for (const client of clients) client.request();
    await Promise.all(clients.map((client) => client.answer()));
    fixture.send({ block: how.endsWith('()') ? 0 : LONG, requests: CLIENTS });
    expect(await fixture.next()).toEqual({ ready: true });
    for (const client of clients) client.request();
    expect(await fixture.next()).toEqual({ blocks: true });
    // The answers are in the kernel by now.
    await Promise.all(clients.map((client) => client.answer()));
    for (const client of clients) client.request(pipelined);
    const ends: Record<string, number> = {};
    for (const end of await Promise.all(clients.map((client) => client.answer())))
      ends[String(end)] = (ends[String(end)] ?? 0) + 1;
    await then(clients, fixture);
    return ends;
  } finally {
    for (const client of clients) client.destroy();
  }
}

const HOWS = ['keepAliveTimeout', 'closeIdleConnections()', 'close()'];

test.concurrent.each(HOWS)('control: %s of plain Node answers none of them', async (how) => {
  expect(await blocked({ how, options: null })).toEqual({ ECONNRESET: CLIENTS });
});

const CASES = ENGINES.flatMap((engine) =>
  ['http', 'https'].flatMap((kind) => HOWS.map((how) => [engine, kind, how] as const)),
);

test.concurrent.each(CASES)('%s engine, %s, %s: each of 100 is answered', async (engine, kind, how) => {
  const execArgv = engine === 'streams' ? STREAMS_ENGINE : [];
  const ends = await blocked({ kind, how, execArgv }, async (clients, fixture) => {
    const last = clients.filter(({ text }) => /^connection: close\r$/im.test(text));
    expect(last.length).toBe(how.endsWith('()') ? CLIENTS : 0);
    if (how.endsWith('()')) await Promise.all(clients.map((client) => client.ended()));
    if (how === 'close()') expect(await fixture.next()).toEqual({ closed: true });
  });
  expect(ends).toEqual({ answered: CLIENTS });
});

test.concurrent.each(
  ['http', 'https'].flatMap((kind) => HOWS.filter((how) => how.endsWith('()')).map((how) => [kind, how] as const)),
)('%s, %s: three requests in one segment of each client are answered, and the last one ends it', async (kind, how) => {
  const ends = await blocked({ kind, how, pipelined: 3 }, async (clients) => {
    await Promise.all(clients.map((client) => client.ended()));
    const told = clients.map(({ text }) => [...text.matchAll(/^connection: (.*)\r$/gim)].map(([, value]) => value));
    expect(told).toEqual(told.map(() => ['keep-alive', 'keep-alive', 'close']));
  });
  expect(ends).toEqual({ answered: CLIENTS });
});

test.concurrent.each(HOWS)('%s with readBeforeIdleClose: false closes as Node does, and lingers', async (how) => {
  expect(await blocked({ how, options: { readBeforeIdleClose: false } })).toEqual({ eof: CLIENTS });
});

test.concurrent("a 'timeout' listener of the application decides alone, as in Node", async () => {
  const ends = await blocked({ how: "a 'timeout' listener" }, async (_clients, fixture) => {
    expect(await fixture.next()).toEqual({ timeout: true });
  });
  expect(ends).toEqual({ answered: CLIENTS });
});

test.concurrent("a 'timeout' listener of the application on the socket sees it destroyed, as in Node", async () => {
  const ends = await blocked({ how: "a 'timeout' listener of each socket" }, async (_clients, fixture) => {
    for (let i = 0; i < CLIENTS; i++) expect(await fixture.next()).toEqual({ destroyed: true });
  });
  expect(ends).toEqual({ eof: CLIENTS });
});

test('nothing of it is left behind disable(), and a destroy() is never put off', async () => {
  await using fixture = new Fixture<Record<string, unknown>>('server/idle-closes-traces');
  const off = { listeners: 1, onSocket: false, own: false };
  const on = { listeners: 1, onSocket: true, own: true };
  const { before, during, ...rest } = (await fixture.next()) as Record<string, { givenAway: object }>;
  const { givenAway } = before as { givenAway: object };
  expect(givenAway).toMatchObject({ end: 1 });
  expect(before).toEqual({ ...off, givenAway });
  // A socket that Node gives away has no other listeners than without the package.
  expect(during).toEqual({ ...on, givenAway, destroyed: true });
  expect(rest).toEqual({ earlier: on, off, earlierOff: off, after: off });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('the emit() of the server is given back, also where closeServer took it meanwhile', async () => {
  await using fixture = new Fixture<Record<string, unknown>>('server/deferred-emit');
  expect(await fixture.next()).toEqual({ meanwhile: true, atTheEnd: false });
});
