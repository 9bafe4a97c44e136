import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closeOnSignal, closeServer, closeServers, lingerOnClose, safeClose, setLinger } from '../../src/index.ts';
import { connectPair } from '../support/pair.ts';

/** The warnings from here on: each name, and each unit, is told of once in a process, so no test may share them. */
function warnings(): { code: string; message: string }[] {
  const told: { code: string; message: string }[] = [];
  const listener = (warning: Error & { code?: string }) =>
    told.push({ code: warning.code ?? '', message: warning.message });
  process.on('warning', listener);
  onTestFinished(() => {
    process.off('warning', listener);
  });
  return told;
}

const turn = () => new Promise(setImmediate);

describe('a name that is no option', () => {
  type Call = (options: object) => unknown;
  const server = () => createServer();
  const CALLS: [string, string, Call][] = [
    [
      'safeClose',
      'safeClose()',
      async (options) => {
        await using pair = await connectPair();
        await safeClose(pair.socket, { ...options, mode: 'reset' });
      },
    ],
    ['lingerOnClose', 'lingerOnClose()', (options) => lingerOnClose(server(), options)],
    ['closeServer', 'closeServer()', (options) => closeServer(server(), options)],
    ['closeServers', 'closeServers()', (options) => closeServers({ ...options, servers: [] })],
    ['closeOnSignal', 'closeOnSignal()', (options) => closeOnSignal(options)[Symbol.dispose]()],
    [
      'choose',
      'what the choose function of lingerOnClose() returns',
      async (options) => {
        await using pair = await connectPair();
        lingerOnClose(pair.server, { choose: () => options });
        pair.socket.destroy();
      },
    ],
  ];

  test.each(CALLS)('%s: one warning, with the nearest name', async (_name, caller, call) => {
    const told = warnings();
    const misspelt = caller.startsWith('close') ? ['lingertimeout', 'lingerTimeout'] : ['idletimeout', 'idleTimeout'];
    for (let i = 0; i < 2; i++) await call({ [misspelt[0] as string]: 7_000 });
    await turn();
    expect(told).toEqual([
      {
        code: 'LINGERING_CLOSE_OPTION',
        message: `"${misspelt[0]}" is no option of ${caller} and has no effect: did you mean "${misspelt[1]}"?`,
      },
    ]);
  });

  test.each([
    ['timeOut', 'timeout'],
    ['idle_timeout', 'idleTimeout'],
    ['idle-timout', 'idleTimeout'],
    ['tiemout', 'timeout'],
    ['idle', 'idleTimeout'],
    ['maxByte', 'maxBytes'],
    ['maxLinger', 'maxLingering'],
    ['chose', 'choose'],
    ['wehn', 'when'],
    ['modes', 'mode'],
  ])('%s: did you mean %s', async (name, nearest) => {
    const told = warnings();
    lingerOnClose(server(), { [name]: undefined });
    await turn();
    expect(told.map(({ message }) => message)).toEqual([expect.stringContaining(`did you mean "${nearest}"?`)]);
  });

  test.each(['grace', 'toString', 'constructor', 'limit', 'x'])('%s resembles none: all are named', async (name) => {
    const told = warnings();
    lingerOnClose(server(), { [name]: 1 } as object);
    await turn();
    expect(told.map(({ message }) => message)).toEqual([
      expect.stringMatching(/: its options are mode, until, .*, maxLingering, choose, readBeforeIdleClose$/),
    ]);
  });

  test('none for options, for what is inherited, and for an object that cannot be listed', async () => {
    const told = warnings();
    lingerOnClose(server(), { when: 'always', maxLingering: 3, choose: () => false, idleTimeout: 7_000, ref: false });
    lingerOnClose(server(), Object.create({ inherited: 1 }));
    const unlisted = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('not for you');
        },
      },
    );
    lingerOnClose(server(), unlisted);
    await closeServer(server(), { drainDelay: 0, timeout: 1_000, lingerTimeout: 1_000, goodbye: () => {} });
    await turn();
    expect(told).toEqual([]);
  });
});

test('a warning that cannot be given fails no call', () => {
  const { emitWarning } = process;
  onTestFinished(() => {
    process.emitWarning = emitWarning;
  });
  process.emitWarning = () => {
    throw new Error('no warnings');
  };
  expect(() => lingerOnClose(createServer(), { unwarned: 1 } as object)).not.toThrow();
});

test('a time so short that seconds were meant: one warning in a process', async () => {
  const told = warnings();
  lingerOnClose(createServer(), { timeout: 0, idleTimeout: 100 });
  await turn();
  expect(told).toEqual([]);
  lingerOnClose(createServer(), { timeout: 30 });
  await closeServer(createServer(), { lingerTimeout: 2, drainDelay: 5 });
  await turn();
  expect(told).toEqual([
    {
      code: 'LINGERING_CLOSE_UNIT',
      message: '"options.timeout" is 30 milliseconds. Were seconds meant? Then write 30000',
    },
  ]);
});

test('seconds of SO_LINGER that were meant as milliseconds: one warning in a process', async () => {
  await using pair = await connectPair();
  const set = (seconds: number, socket: Socket = pair.socket) => setLinger(socket, seconds);
  const told = warnings();
  set(120);
  await turn();
  expect(told).toEqual([]);
  set(5_000);
  set(3_000);
  await turn();
  expect(told).toEqual([
    { code: 'LINGERING_CLOSE_UNIT', message: '"linger" is 5000 seconds. Were milliseconds meant? Then write 5' },
  ]);
  set(0);
});
