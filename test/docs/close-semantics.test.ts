// docs/close-semantics.md, row by row: the test does what the first columns say, and the other columns must hold.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { enterNetns } from '../support/enter-netns.ts';
import { NETNS_SKIPPED, netns, netnsPermitted, resetsSentIn } from '../support/netns.ts';
import type { Peer } from '../support/peer.ts';
import { root } from '../support/project.ts';
import { type Connection, KB, MB, SafeCloseHost, type Step, type Transport } from '../support/safe-close-host.ts';

/** A way to close, by its name in the document. */
interface Way {
  steps: Step[];
  /** What must happen before the close is over. */
  waitsFor: 'nothing' | 'flush' | 'delivery' | 'peer';
  /** How the application learns that it is over: the socket's 'close', the promise of safeClose, or not at all. */
  told: 'close' | 'report' | 'nothing';
  /** Whether the close goes on after 'close', and ends when the descriptor is gone. */
  inBackground?: true;
  /** What interrupts the close while it is under way. */
  interruption?: 'abort' | 'exit' | 'SIGKILL';
}

const WAYS: Record<string, Way> = {
  '`destroy()`': { steps: [['destroy']], waitsFor: 'nothing', told: 'close' },
  '`destroy(error)`': { steps: [['catchErrors'], ['destroy', 'enough']], waitsFor: 'nothing', told: 'close' },
  '`end()`, `destroy()`': { steps: [['end', 0], ['destroy']], waitsFor: 'nothing', told: 'close' },
  '`destroySoon()`': { steps: [['destroySoon']], waitsFor: 'flush', told: 'close' },
  '`end()` alone': { steps: [['end', 0]], waitsFor: 'nothing', told: 'nothing' },
  '`resetAndDestroy()`': { steps: [['resetAndDestroy']], waitsFor: 'nothing', told: 'close' },
  '`setLinger(0)`, `destroy()`': { steps: [['setLinger', 0], ['destroy']], waitsFor: 'nothing', told: 'close' },
  '`setLinger(0)`, `destroySoon()`': { steps: [['setLinger', 0], ['destroySoon']], waitsFor: 'flush', told: 'close' },
  '`setLinger(3)`, `destroy()`': {
    steps: [['setLinger', 3], ['destroy']],
    waitsFor: 'nothing',
    told: 'close',
    inBackground: true,
  },
  '`safeClose()`': { steps: [['safeClose']], waitsFor: 'peer', told: 'report' },
  "`mode: 'drain'`": { steps: [['safeClose', { mode: 'drain' }]], waitsFor: 'flush', told: 'report' },
  "`until: 'delivered'`": { steps: [['safeClose', { until: 'delivered' }]], waitsFor: 'delivery', told: 'report' },
  '`idleTimeout` over': { steps: [['safeClose', { idleTimeout: 300 }]], waitsFor: 'nothing', told: 'report' },
  "`mode: 'reset'`": { steps: [['safeClose', { mode: 'reset' }]], waitsFor: 'nothing', told: 'report' },
  "`end()`, `mode: 'reset'`": {
    steps: [
      ['end', 0],
      ['safeClose', { mode: 'reset' }],
    ],
    waitsFor: 'nothing',
    told: 'report',
  },
  'a linger is aborted': {
    steps: [['safeClose', { signal: 'controller' }]],
    waitsFor: 'nothing',
    told: 'report',
    interruption: 'abort',
  },
  '`process.exit()`': { steps: [], waitsFor: 'nothing', told: 'nothing', interruption: 'exit' },
  '`process.exit()` in a linger': {
    steps: [['safeClose']],
    waitsFor: 'nothing',
    told: 'nothing',
    interruption: 'exit',
  },
  SIGKILL: { steps: [], waitsFor: 'nothing', told: 'nothing', interruption: 'SIGKILL' },
  'SIGKILL in a linger': { steps: [['safeClose']], waitsFor: 'nothing', told: 'nothing', interruption: 'SIGKILL' },
};

const OUTPUT: Record<string, number> = { none: 10, kernel: 64 * KB, process: 4 * MB };
const UNREAD = ['none', 'some', 'later'];

interface Row {
  line: string;
  section: string;
  cells: string[];
}

const document = readFileSync(join(root, 'docs/close-semantics.md'), 'utf8');
const rows = document.split('\n## ').flatMap((part): Row[] => {
  const section = part.slice(0, part.indexOf('\n'));
  const lines = part.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(2).map((line) => ({ line, section, cells: line.slice(2, -2).split(' | ') }));
});
const ours = rows.filter(({ section }) => section !== 'The peer goes first');
const theirs = rows.filter(({ section }) => section === 'The peer goes first');

const toLine = (cells: string[]) => `| ${cells.join(' | ')} |`;

test('every way to close and every state is in the tables', () => {
  const column = (index: number) => [...new Set(ours.map(({ cells }) => cells[index]))].toSorted();
  expect(column(0)).toEqual(Object.keys(WAYS).toSorted());
  expect(column(1)).toEqual(UNREAD.toSorted());
  expect(column(2)).toEqual(Object.keys(OUTPUT).toSorted());
  expect(new Set(rows.map(({ section, cells }) => [section, ...cells.slice(0, 3)].join())).size).toBe(rows.length);
});

describe.skipIf(!netnsPermitted())(`docs/close-semantics.md${NETNS_SKIPPED}`, () => {
  let home: SafeCloseHost;
  const servers = new Map<string, Promise<SafeCloseHost>>();
  const start = (transport: Transport, lingers = false, prefix = enterNetns(home.pid)) =>
    // Only the close reads: what the peer sends stays in the kernel until then.
    SafeCloseHost.start({ transport, lingers, prefix, options: { pauseOnConnect: true, allowHalfOpen: true } });

  beforeAll(async () => {
    home = await SafeCloseHost.start({ prefix: netns(), options: { pauseOnConnect: true, allowHalfOpen: true } });
  });
  afterAll(async () => {
    for (const server of await Promise.all(servers.values())) await server[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });

  function serverFor(section: string): Promise<SafeCloseHost> {
    const transport = transportOf(section);
    const lingers = section.includes('lingerOnClose');
    const key = `${transport} ${lingers}`;
    const server = servers.get(key) ?? start(transport, lingers);
    servers.set(key, server);
    return server;
  }

  test.each(ours)('$section: $line', async ({ line, section, cells }) => {
    const [close = '', unread = '', output = ''] = cells;
    const way = WAYS[close] as Way;
    await using victim = way.interruption && way.interruption !== 'abort' ? await start('tcp4') : undefined;
    const server = victim ?? (await serverFor(section));
    await using connection = await server.connect(output === 'none' ? {} : { receiveBuffer: 4 * KB });
    const state = { section, unread, output };
    await prepare(connection, state);
    expect(toLine([close, unread, output, ...(await closeAndLook(server, connection, way, state))])).toBe(line);
  });

  /** Brings the queues into the state, and checks it. */
  async function prepare(connection: Connection, { section, unread, output }: State): Promise<void> {
    const transport = transportOf(section);
    const { peer } = connection;
    if (unread === 'some') {
      // With TLS, Node reads by itself until its own buffers are full.
      await peer.send(transport === 'tls' ? MB : 50 * KB);
      let before = 0;
      await until(async () => {
        const pending = await connection.ask<number>('pending');
        const settled = transport === 'tls' ? pending > 0 && pending === before : pending === 50 * KB;
        before = pending;
        return settled;
      });
    }
    if (isHalfClosed(section)) await peer.shutdown();
    await connection.do(['write', OUTPUT[output] as number]);
    if (output === 'none') {
      if (transport === 'unix') await peer.receive(10);
      await until(async () => (await connection.ask('unacked')) === 0);
    } else {
      if (output === 'process') expect(await connection.ask('queued')).toBeGreaterThan(0);
      else await until(async () => (await connection.ask('queued')) === 0);
      expect(await connection.ask('unacked')).toBeGreaterThan(32 * KB);
    }
  }

  /** The other columns. */
  async function closeAndLook(
    server: SafeCloseHost,
    connection: Connection,
    way: Way,
    state: State,
  ): Promise<string[]> {
    const { peer } = connection;
    const { section, unread, output } = state;
    const transport = transportOf(section);
    const resetsBefore = resetsSentIn(home.pid);
    const descriptors = await connection.ask<number>('descriptors');
    const closed = connection.ask<{ hadError: boolean }>('closed').catch(() => undefined);
    await connection.do(...way.steps);
    await interrupt(server, connection, way, closed);
    const isOver = () => (way.told === 'close' ? closed : way.told === 'report' ? connection.report() : undefined);

    if (isOverAtOnce(way, state)) await isOver();
    if (unread === 'later') expect(await peer.send(KB)).toEqual({ sent: KB });
    // OpenSSL does not say the errno, and answers a bad EOF with an alert.
    const sawBefore = transport === 'tls' && output === 'none' ? await leavesByErrno(peer) : undefined;
    const { received, end = '' } = await peer.receive();
    if (way.waitsFor !== 'peer') await isOver();
    if (way.inBackground) await until(async () => (await connection.ask('descriptors')) === descriptors - 1);
    const hasReset = resetsSentIn(home.pid) > resetsBefore;
    const leaves = sawBefore ?? [end === 'eof' && 'FIN', hasReset && 'RST'].filter(Boolean).join(', ');

    const share =
      received === OUTPUT[output] || (transport === 'unix' && output === 'none' && received === 0) ? 'all' : 'a part';
    return [
      transport === 'unix' ? '-' : leaves,
      `${share}, ${ENDS[end] ?? end}`,
      isHalfClosed(section) ? '-' : await nextWrite(peer),
      await ourSide(connection, way, section, closed),
    ];
  }

  async function ourSide(
    connection: Connection,
    way: Way,
    section: string,
    closed: Promise<{ hadError: boolean } | undefined>,
  ) {
    if (way.told === 'nothing') return way.interruption ? '-' : 'nothing';
    // The peer has to end a linger.
    await connection.peer.close();
    if (way.told === 'report') return describeReport(await connection.report());
    const report = section.includes('lingerOnClose') ? await connection.ask<CloseReport | null>('lingered') : null;
    if (report) return describeReport(report);
    return (await closed)?.hadError ? "`'error'`, `'close'`" : "`'close'`";
  }

  test.each(theirs)('$section: $line', async ({ line, cells }) => {
    const [how = '', output = ''] = cells;
    const server = await serverFor('TCP');
    const told: string[] = [];
    let sent = '';
    for (const ours of ['expectEnd', 'safeClose'] as const) {
      const connection = await server.connect();
      const { peer } = connection;
      await connection.do(['write', 10]);
      if (output === 'read') await peer.receive(10);
      await connection.do([ours]);
      if (ours === 'safeClose') await connection.ask('closed');
      const before = resetsSentIn(home.pid);
      await goAway(peer, how);
      told.push(
        ours === 'expectEnd' ? await connection.ask<string>('ended') : describeReport(await connection.report()),
      );
      sent = resetsSentIn(home.pid) > before ? 'RST' : 'FIN';
      await connection.do(['destroy']);
      await peer.kill();
    }
    expect(toLine([how, output, sent, `\`'${told[0]}'\``, told[1] as string])).toBe(line);
  });
});

const ENDS: Record<string, string> = { eof: 'EOF', SSLEOFError: 'no close_notify' };

async function leavesByErrno(peer: Peer): Promise<string> {
  const code = await peer.untilEnded();
  return { ECONNRESET: 'RST', EPIPE: 'FIN, RST' }[code ?? ''] ?? 'FIN';
}

interface State {
  section: string;
  unread: string;
  output: string;
}

/** Whether the close is over before the peer has read anything. */
function isOverAtOnce({ waitsFor }: Way, { output }: State): boolean {
  return (
    waitsFor === 'nothing' ||
    (waitsFor === 'flush' && output !== 'process') ||
    (waitsFor === 'delivery' && output === 'none')
  );
}

function isHalfClosed(section: string): boolean {
  return section.includes('half-closed');
}

function transportOf(section: string): Transport {
  return section.startsWith('TLS') ? 'tls' : section.startsWith('UNIX') ? 'unix' : 'tcp4';
}

async function interrupt(
  server: SafeCloseHost,
  connection: Connection,
  { steps, interruption }: Way,
  closed: Promise<unknown>,
): Promise<void> {
  if (!interruption) return;
  // Then the addon has taken over.
  if (steps.length > 0) await closed;
  if (interruption === 'abort') {
    await connection.do(['abort']);
    return;
  }
  if (interruption === 'SIGKILL') process.kill(server.pid, 'SIGKILL');
  else connection.do(['exit']).catch(() => {});
  await server.exit;
}

async function goAway(peer: Peer, how: string): Promise<void> {
  if (how === 'closes') await peer.close();
  else if (how === 'closes with SO_LINGER 0') await peer.reset();
  else if (how === 'is killed') await peer.kill();
  else throw new Error(`no such way: ${how}`);
}

async function nextWrite(peer: Peer): Promise<string> {
  const [first, second] = await peer.writeTwice();
  if (first === 'EPIPE' || second === 'EPIPE') expect(await peer.dieOfWriting()).toBe('SIGPIPE');
  if (first) return first;
  return second ? `ok, then ${second}` : 'ok';
}

/** In the other ways it is a matter of microseconds whether an acknowledgement has already come. */
const CERTAIN = new Set(['eof', 'delivered', 'idle', 'reset']);

function describeReport({ outcome, delivered }: CloseReport): string {
  const what = !CERTAIN.has(outcome) ? '' : delivered ? ', delivered' : ', not delivered';
  return `\`'${outcome}'\`${what}`;
}

/** Waits for a state of the kernel for which there is no event. */
async function until(isReached: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await isReached())) if (performance.now() > deadline) throw new Error('the state is not reached');
}
