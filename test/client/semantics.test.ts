// What deferWriteError changes, and what it leaves as it is: the same visits to the same servers, by a process that
// defers and by one that does not.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ClientHost, type ClientName, REGISTER_CLIENTS, type ServerOptions, uploaded } from '../support/client-host.ts';
import { STREAMS_ENGINE } from '../support/fixture.ts';

const WHOLE = 'HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\nConnection: close\r\n\r\nlarge\n';
const CODES = { reset: 'ECONNRESET', 'fin-reset': 'EPIPE' } as const;
const WAYS = ['reset', 'fin-reset'] as const;

interface RawLog {
  log: string[];
  took: number;
}

describe.each([
  ['with the addon', REGISTER_CLIENTS],
  ['with the streams engine', [...REGISTER_CLIENTS, ...STREAMS_ENGINE]],
])('%s', (_engine, execArgv) => {
  let plain: ClientHost;
  let deferring: ClientHost;
  beforeAll(async () => {
    [plain, deferring] = await Promise.all([ClientHost.start(), ClientHost.start({ execArgv })]);
  });
  afterAll(() => Promise.all([plain[Symbol.asyncDispose](), deferring[Symbol.asyncDispose]()]));

  describe('the same as Node', () => {
    async function compare(client: ClientName, server: ServerOptions, options?: object): Promise<string[]> {
      const expected = await plain.visit(client, server, options);
      expect(await deferring.visit(client, server, options)).toEqual(expected);
      return expected;
    }

    const combinations = (['request', 'piped', 'fetched', 'undiciRequest'] as const).flatMap((client) =>
      WAYS.flatMap((how) => [false, true].map((tls) => ({ client, how, tls }))),
    );
    test.each(combinations)('%o, no answer: the error', async ({ client, how, tls }) => {
      expect((await compare(client, { how, ...uploaded(tls) })).join()).toContain(CODES[how]);
    });

    test.each([false, true])('tls %s: the server answers and stays', async (tls) => {
      const server: ServerOptions = { answer: WHOLE, how: 'stay', ...uploaded(tls) };
      expect(await compare('request', server, { abortAfter: 100 })).toContain('response end 6, complete');
    });

    test.each([false, true])('allowHalfOpen %s, no answer', async (allowHalfOpen) => {
      for (const tls of [false, true]) {
        const server: ServerOptions = { raw: true, ...uploaded(tls) };
        const expected = await plain.visit<RawLog>('raw', server, { options: { allowHalfOpen } });
        const { log } = await deferring.visit<RawLog>('raw', server, { options: { allowHalfOpen } });
        expect(log).toEqual(expected.log);
      }
    });
  });

  describe.each([false, true])('tls %s', (tls) => {
    describe.each(WAYS)('%s', (how) => {
      const code = CODES[how];
      const server = (answer: string, more: ServerOptions = {}) => ({ answer, how, ...uploaded(tls), ...more });

      test('a part of an answer: the request fails, and the response is aborted', async () => {
        const answer = WHOLE.replace('Length: 6', 'Length: 7');
        expect(await deferring.visit('request', server(answer))).toEqual([
          'response 413',
          `write 0 ${code}`,
          `write 1 ${code}`,
          `request error ${code}`,
          `socket error ${code}`,
          'response aborted undefined',
          'request close undefined',
          'socket close true',
          'response error ECONNRESET',
          'response close undefined',
        ]);
        expect((await deferring.visit('fetched', server(answer))).slice(0, 2)).toEqual([
          'response 413',
          expect.stringMatching(/^terminated /),
        ]);
      });

      test('a part of a head: the error', async () => {
        const log = await deferring.visit('request', server('HTTP/1.1 413 Too La'));
        expect(log).toContain(`request error ${code}`);
        expect(log.join()).not.toContain('response');
      });

      test('an answer that ends with the connection', async () => {
        const answer = 'HTTP/1.1 413 Too Large\r\n\r\nlarge\n';
        const log = await deferring.visit('request', server(answer));
        expect(log).toContain('response end 6, complete');
        // Only a FIN says that it is whole.
        expect(log.includes(`request error ${code}`)).toBe(how === 'reset');
        expect(await deferring.visit('fetched', server(answer))).toEqual(['response 413', 'body 6']);
      });

      test('informational responses in front of the answer', async () => {
        const first = 'HTTP/1.1 100 Continue\r\n\r\n';
        const answer = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${WHOLE}`;
        const log = await deferring.visit('request', server(answer, { first }), {
          headers: { Expect: '100-continue' },
        });
        expect(log.slice(0, 5)).toEqual([
          'request continue undefined',
          'information 100',
          'information 103',
          'response 413',
          'response end 6, complete',
        ]);
        expect(log.join()).not.toContain('error');
      });

      test('an informational response alone: the error', async () => {
        const log = await deferring.visit('request', server('HTTP/1.1 103 Early Hints\r\n\r\n'));
        expect(log[0]).toBe('information 103');
        expect(log).toContain(`request error ${code}`);
      });

      test('an answer larger than the buffers, read slowly', async () => {
        const body = tls ? 1_000_000 : 6_000_000;
        const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${body}\r\n\r\n`;
        const slowly = { pause: 1, early: true };
        const log = await deferring.visit('request', server(answer, { body, acked: true }), slowly);
        expect(log).toContain(`response end ${body}, complete`);
        expect(log.join()).not.toContain('error');
        expect(await deferring.visit('fetched', server(answer, { body, acked: true }), slowly)).toEqual([
          'response 413',
          `body ${body}`,
        ]);
      });

      test('the answer and EOF are read before the write fails: no late error', async () => {
        const log = await deferring.visit('request', server(WHOLE), { early: true });
        expect(log).toContain('response end 6, complete');
        expect(log.join()).not.toContain('error');
      });

      test('nothing listens for the answer: the error', async () => {
        expect(await deferring.visit('unheard', server(WHOLE))).toEqual([`error ${code}`]);
      });

      test.each([false, true])(
        "a client that waits for 'drain', and reads the answer (%s): the error",
        async (reads) => {
          expect(await deferring.visit('drained', server(WHOLE), { reads })).toEqual(['response 413', code]);
        },
      );

      test("the answer is to be read when all is sent, by a pipeline or with 'drain': the error", async () => {
        const body = 100_000;
        const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${body}\r\n\r\n`;
        const began = performance.now();
        const large = server(answer, { body, acked: true });
        // From Node 22 on, without TLS, the response that is cut off ends the request before the error does.
        const end = tls || process.version < 'v22' ? code : 'ERR_STREAM_PREMATURE_CLOSE';
        expect(await deferring.visit('piped', large, { readsLater: true })).toEqual([
          'response 413',
          `pipeline ${end}`,
        ]);
        expect(await deferring.visit('drained', large, { reads: false })).toEqual(['response 413', code]);
        expect(performance.now() - began).toBeLessThan(10_000);
      });

      test("the request is ended, and the answer read later: the answer, unless 'finish' is waited for", async () => {
        const body = 100_000;
        const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${body}\r\n\r\n`;
        const large = server(answer, { body, acked: true });
        expect(await deferring.visit('readingLater', large)).toEqual(['response 413', `body ${body}`]);
        const began = performance.now();
        const log = await deferring.visit('readingLater', large, { waits: true });
        expect(log.slice(0, 2)).toEqual(['response 413', `error ${code}`]);
        expect(performance.now() - began).toBeLessThan(10_000);
      });

      test('a pipeline from an iterator: the answer', async () => {
        expect(await deferring.visit('piped', server(WHOLE), { iterator: true })).toEqual([
          'response 413',
          'body 6',
          'pipeline ERR_STREAM_PREMATURE_CLOSE',
        ]);
      });

      test('the connection goes back to no pool', async () => {
        const keepAlive = WHOLE.replace('close', 'keep-alive');
        const log = await deferring.visit('pooled', server(keepAlive, { requests: 1 }));
        expect(log).toContain('response end 6, complete');
        expect(log.slice(-2)).toEqual(['busy 0, free 0, all 0', 'reused false,false']);
      });

      /** What a bare socket says when its two writes have failed. */
      const bareError = [`write 0 ${code}`, `write 1 ${code}`, `socket error ${code}`, 'socket close true'];

      test('a bare socket gets the data, and then the error', async () => {
        const { log } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), { guard: {} });
        expect(log).toEqual([...bareError, 'read 9']);
      });

      test('a bare socket that reads later', async () => {
        const { log, took } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), {
          guard: {},
          paused: true,
          readAfter: 50,
        });
        expect(took).toBeGreaterThan(45);
        expect(log).toEqual([...bareError, 'read 9']);
      });

      test('a bare socket that never reads: the error comes at the limit', async () => {
        const { log, took } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), {
          paused: true,
          guard: { timeout: 50 },
        });
        expect(took).toBeGreaterThan(45);
        expect(log).toEqual([...bareError, 'read 0']);
      });

      test('a bare socket that nothing reads: the error comes soon', async () => {
        const { log, took } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), {
          paused: true,
        });
        expect(took).toBeLessThan(5_000);
        expect(log).toEqual([...bareError, 'read 0']);
      });

      test('a bare socket that is paused before it is connected: the error comes soon', async () => {
        const { log, took } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), {
          paused: 'before',
        });
        expect(took).toBeLessThan(5_000);
        expect(log).toEqual([...bareError, 'read 0']);
      });

      test('destroy() in the middle of the wait', async () => {
        const { log } = await deferring.visit<RawLog>('raw', server('some data', { raw: true }), {
          guard: {},
          paused: true,
          abortAfter: 30,
        });
        expect(log).toEqual(['socket error Error', 'socket close true', `write 0 ${code}`, 'write 1 Error', 'read 0']);
      });

      test('a request is aborted in the middle of the wait', async () => {
        const body = 4_000_000;
        const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${body}\r\n\r\n`;
        const log = await deferring.visit('request', server(answer, { body, fills: true }), {
          early: true,
          pause: 'forever',
          abortAfter: 200,
        });
        expect(log.slice(0, 5)).toEqual([
          'response 413',
          'response aborted undefined',
          'request close undefined',
          'socket close false',
          'response error ECONNRESET',
        ]);
      });
    });
  });

  test.each([false, true])('tls %s: an error of a read waits for what Node has', async (tls) => {
    const server: ServerOptions = { first: 'some data', raw: true, ...uploaded(tls) };
    expect(await plain.visit('resetInReading', server)).toEqual(['error read ECONNRESET']);
    expect(await deferring.visit('resetInReading', server, { guard: {} })).toEqual(['data 9', 'error read ECONNRESET']);
  });

  test('a limit that the application has given stays, also where register-clients meets the connection', async () => {
    const body = 4_000_000;
    const answer = `HTTP/1.1 413 Too Large\r\nContent-Length: ${body}\r\n\r\n`;
    const server: ServerOptions = { answer, body, fills: true, ...uploaded(false) };
    const { log, took } = await deferring.visit<RawLog>('ownLimit', server, { timeout: 200 });
    expect(log[0]).toBe('response 413');
    expect(log.join()).toContain('request error');
    expect(took).toBeLessThan(10_000);
  });

  test('a UNIX socket', async () => {
    const log = await deferring.visit('request', { unix: true, answer: WHOLE, ...uploaded(false) });
    expect(log.slice(0, 2)).toEqual(['response 413', 'response end 6, complete']);
    expect(log.join()).not.toContain('error');
  });

  test.each(WAYS)('%s: an agent of https of its own, which keeps no connections', async (how) => {
    const log = await deferring.visit('ownAgent', { answer: WHOLE, how, ...uploaded(true) });
    expect(log.slice(0, 2)).toEqual(['response 413', 'response end 6, complete']);
    expect(log.join()).not.toContain('error');
  });

  test.each(WAYS)('%s: TLS through a tunnel', async (how) => {
    const server: ServerOptions = { switch: 'HTTP/1.1 200 OK\r\n\r\n', answer: WHOLE, how, ...uploaded(true) };
    // Node 20 shows the connection of an agent that it does not know only when it is too late.
    const log = await deferring.visit('tunnelled', server, { guard: process.version < 'v22' ? {} : undefined });
    expect(log.slice(0, 2)).toEqual(['response 413', 'response end 6, complete']);
    expect(log.join()).not.toContain('error');
  });

  test.each([
    ['CONNECT', 'HTTP/1.1 200 OK\r\n\r\n'],
    ['GET', 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n'],
  ])('what %s has handed over', async (method, head) => {
    const log = await deferring.visit(
      'handedOver',
      { switch: head, raw: true, unread: 20_000, answer: 'some data' },
      { method },
    );
    expect(log).toEqual(['head 0', 'write ECONNRESET', 'socket error ECONNRESET', 'socket close true', 'read 9']);
  });

  describe.each(WAYS)('%s, garbage behind the last record of TLS', (how) => {
    const garbage = (answer: string): ServerOptions => ({ answer, garbage: true, how, ...uploaded(true) });

    test('behind a whole answer: no error', async () => {
      for (let i = 0; i < 5; i++) {
        const log = await deferring.visit('request', garbage(WHOLE));
        expect(log.slice(0, 2)).toEqual(['response 413', 'response end 6, complete']);
        expect(log.join()).not.toContain('error');
      }
      expect(await deferring.visit('fetched', garbage(WHOLE))).toEqual(['response 413', 'body 6']);
      expect(await deferring.visit('undiciRequest', garbage(WHOLE))).toEqual(['response 413', 'body 6']);
    });

    test('behind a part of one: the error of the write', async () => {
      const log = await deferring.visit('request', garbage(WHOLE.replace('Length: 6', 'Length: 7')));
      expect(log[0]).toBe('response 413');
      expect(log).toContain(`request error ${CODES[how]}`);
      expect(log.join()).not.toContain('ERR_SSL');
    });
  });

  test.each([false, true])('tls %s: EOF behind a whole answer that fetch reads slowly', async (tls) => {
    const body = 300_000;
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body}\r\n\r\n`;
    const server: ServerOptions = { tls, answer, body, unread: 0, how: 'fin-reset' };
    for (let i = 0; i < 3; i++) expect(await deferring.visit('downloaded', server)).toEqual([`body ${body}`]);
  });

  test.each([
    ['shorter than it should be', 'Content-Length: 400000', /^terminated UND_ERR_SOCKET at \d+$/],
    ['that ends with the connection', 'Connection: close', /^body 300000$/],
  ])('EOF behind an answer %s that fetch reads slowly', async (_name, header, end) => {
    const answer = `HTTP/1.1 200 OK\r\n${header}\r\n\r\n`;
    const server: ServerOptions = { answer, body: 300_000, unread: 0, how: 'fin-reset' };
    // The error takes what fetch has and its reader has not.
    expect(await deferring.visit('downloaded', server)).toEqual([expect.stringMatching(end)]);
  });

  test('EOF on a connection that undici has handed over', async () => {
    const head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';
    const server: ServerOptions = { switch: head, raw: true, unread: 0, answer: 'some data', how: 'fin-reset' };
    const { log, took } = await deferring.visit<RawLog>('upgraded', server);
    expect(log).toEqual(['data 9', 'end']);
    // The limit of a wait is 30 s.
    expect(took).toBeLessThan(10_000);
  });

  test('pipelining in undici', async () => {
    const server: ServerOptions = { requests: 2, answer: WHOLE, ...uploaded(false) };
    expect(await deferring.visit('pipelined', server)).toEqual(['ok', 'ok', '413 large\n']);
  });
});
