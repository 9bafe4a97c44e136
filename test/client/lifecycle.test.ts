// What the wait leaves behind, and what cannot stop it from ending.
import { describe, expect, test } from 'vitest';
import { REGISTER_CLIENTS } from '../support/client-host.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { python } from '../support/python.ts';

interface Failures {
  ends: Record<string, number>;
  /** Milliseconds to an error: the median. */
  took: number;
  /** Bytes for each failure: the median of the rounds. */
  grown: number;
  before: object;
  after: object;
}

async function failures(args: string[], execArgv: string[]): Promise<Failures> {
  const options = { args, execArgv: ['--expose-gc', ...execArgv], env: { PYTHON: python } };
  await using fixture = new Fixture<Failures>('client/failures', options);
  return await fixture.next();
}

async function ending(which: string, execArgv: string[] = []): Promise<string[]> {
  await using fixture = new Fixture('client/lifecycle', { args: [which], execArgv, env: { PYTHON: python } });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  return fixture.stdout.trim().split('\n');
}

const ERROR = ['write ECONNRESET', 'error write ECONNRESET', 'close'];

describe.each([
  ['with the addon', []],
  ['with the streams engine', STREAMS_ENGINE],
])('%s', (_name, engine) => {
  test.each([
    ['http', 'whole', { answer: 240 }],
    ['https', 'whole', { answer: 240 }],
    ['http', 'none', { ECONNRESET: 240 }],
  ])('%s, answer %s: nothing stays behind', async (scheme, kind, expected) => {
    const { ends, grown, before, after } = await failures(['40', kind, scheme], [...REGISTER_CLIENTS, ...engine]);
    expect(ends).toEqual(expected);
    expect(after).toEqual(before);
    // Plain Node grows by some hundred bytes, fewer with each round. A socket, or a wait, that stays behind is more.
    expect(grown).toBeLessThan(1_500);
  });

  test('where Node.js has no process.getBuiltinModule (21, and 22.0 to 22.2)', async () => {
    const without = ['--import', 'data:text/javascript,delete process.getBuiltinModule'];
    const { ends } = await failures(['4', 'whole', 'https'], [...without, ...REGISTER_CLIENTS, ...engine]);
    expect(ends).toEqual({ answer: 24 });
  });

  test('the event loop runs empty in mid-wait: the error comes, and the process can act on it', async () => {
    expect(await ending('idle', engine)).toEqual(['waiting', ...ERROR]);
  });

  test('faked timers', async () => {
    expect(await ending('faked', engine)).toEqual(['waiting', 'data some data', ...ERROR]);
  });

  test('two copies of the package at one socket: one of them acts', async () => {
    // One symbol for the guard, one for the owner of destroy().
    expect(await ending('copies', engine)).toEqual(['own 2', 'waiting', ...ERROR]);
  });
});

test('the application removes all listeners and destroys the socket in mid-wait: its writes end', async () => {
  expect(await ending('removed')).toEqual(['waiting', 'write ECONNRESET']);
});

test('agents that throw, or cannot be changed, under register-clients', async () => {
  await using fixture = new Fixture('client/odd-agents', { execArgv: REGISTER_CLIENTS });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  const lines = ['not configurable: ok', 'not extensible: ok', 'a getter that throws: ok', 'socket: ok'];
  expect(fixture.stdout.trim().split('\n')).toEqual(lines);
});

test.each(['http', 'https'])('%s: where there is no answer, the error comes as soon as in Node', async (scheme) => {
  const args = ['20', 'none', scheme];
  const plain = await failures(args, []);
  const deferring = await failures(args, REGISTER_CLIENTS);
  expect(deferring.ends).toEqual(plain.ends);
  expect(deferring.took).toBeLessThan(plain.took + 1);
});

describe.each(['http', 'https'])('HTTP/2 over %s', (scheme) => {
  test.each([
    ['as Node is', []],
    ['with register-clients', REGISTER_CLIENTS],
  ])('%s: answers of many frames in front of GOAWAY and RST, none is lost', async (_name, execArgv) => {
    await using server = new Fixture<{ port: number }>('client/http2-server', { args: [scheme] });
    const { port } = await server.next();
    await using client = new Fixture<{ ends: object }>('client/http2-client', {
      args: [`${scheme}://127.0.0.1:${port}`, '20'],
      execArgv,
    });
    expect((await client.next()).ends).toEqual({ '413 20000': 20 });
  });
});
