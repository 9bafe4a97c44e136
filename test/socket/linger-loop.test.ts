// The discard loop: what wakes it, what it holds, and its limits when the event loop is late.
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectSocket, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { type Address, Peer } from '../support/peer.ts';
import { DELIVERED, ENGINES, known } from '../support/safe-close-host.ts';

interface Message {
  address: string;
  port: number;
  report: CloseReport;
}

async function connect(fixture: Fixture<Message>): Promise<Peer> {
  const { address, port } = await fixture.next();
  return Peer.connect({ host: address, port });
}

test("until 'delivered' ends with the peer's acknowledgement, without polling: there is no timer", async () => {
  await using fixture = new Fixture<Message>('socket/linger-loop-delivered', { args: [String(200_000)] });
  await using peer = await connect(fixture);
  expect(await fixture.next()).toEqual({ closed: true });
  expect(await peer.receive()).toMatchObject({ received: 200_000, end: 'eof' });
  expect((await fixture.next()).report).toMatchObject({ outcome: 'delivered', delivered: true, unackedBytes: 0 });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('a lingering connection keeps neither its Socket nor the closures on it', async () => {
  await using fixture = new Fixture<Message>('socket/linger-loop-retained', { execArgv: ['--expose-gc'] });
  await using peer = await connect(fixture);
  expect(await fixture.next()).toEqual({ retained: 0 });
  await peer.close();
  expect(await fixture.next()).toEqual({ outcome: 'eof' });
});

test('a linger that is over has left the loop, even if another duplicate of the descriptor is open', async () => {
  await using fixture = new Fixture<Message & { ids: number[]; duplicates: number[] }>('socket/linger-loop-shared');
  await using _peer = await connect(fixture);
  const { ids, duplicates } = await fixture.next();
  // The same number for the same connection each time: epoll refuses it (EEXIST) if it is still in the set.
  expect(new Set(duplicates).size).toBe(1);
  expect(ids).toEqual([0, 1, 2]);
});

test('where many peers drip, bytes are gathered into fewer turns, and every end is reported', async () => {
  const CONNECTIONS = 64;
  const BYTES_A_ROUND = 640;
  await using fixture = new Fixture<{ port: number } & CloseReport & { turns: number }>('socket/linger-loop-busy', {
    args: [String(CONNECTIONS)],
  });
  const { port } = await fixture.next();
  const peers: Socket[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const peer = connectSocket({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }).resume();
    await once(peer, 'end');
    peers.push(peer);
  }
  let before: number | undefined;
  let gathered = false;
  while (peers.length > 0) {
    for (let i = 0; i < BYTES_A_ROUND && !gathered; i++) {
      peers[i % peers.length]?.write('x');
      // Slower than the server, so that each byte has its own turn unless it is held back.
      for (const until = performance.now() + 0.2; performance.now() < until; );
      await setImmediate();
    }
    // The connection that ends reports how many turns the event loop has made.
    const peer = peers.pop() as Socket;
    peer.end();
    const { outcome, discardedBytes, turns } = await fixture.next();
    expect({ outcome, discardedBytes }).toEqual({ outcome: 'eof', discardedBytes: peer.bytesWritten });
    gathered ||= before !== undefined && turns - before < BYTES_A_ROUND / 2;
    before = turns;
  }
  expect(gathered).toBe(true);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test.each([
  ['native', 'with output outstanding', 64 * 1024, false],
  ['native', 'with everything acknowledged', 10, DELIVERED],
  ['streams', 'with output outstanding', 64 * 1024, null],
] as const)('%s engine: a RST between FIN and the linger, %s', async (engine, _state, bytes, delivered) => {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  try {
    const flag = join(folder, 'go-on');
    await using fixture = new Fixture<Message>('socket/linger-loop-reset', {
      args: [flag, String(bytes), bytes === 10 ? 'acknowledged' : ''],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
    });
    const { address, port } = await fixture.next();
    await using peer = await Peer.connect({ host: address, port }, { receiveBuffer: 4 * 1024 });
    expect(await fixture.next()).toEqual({ blocked: true });
    await peer.reset();
    writeFileSync(flag, '');
    expect((await fixture.next()).report).toMatchObject({ outcome: 'peer-reset', delivered });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.each(ENGINES)('%s engine: what is read while FIN is on its way is counted once', async (engine) => {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  try {
    const flag = join(folder, 'sent');
    await using fixture = new Fixture<Message>('close/flush-held', {
      args: [flag],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
    });
    await using peer = await connect(fixture);
    expect(await fixture.next()).toEqual({ connected: true });
    fixture.send({});
    await peer.send(1_000);
    writeFileSync(flag, '');
    expect(await peer.receive()).toMatchObject({ end: 'eof' });
    await peer.close();
    expect((await fixture.next()).report).toMatchObject({ outcome: 'eof', discardedBytes: 1_000 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe.each(ENGINES)('%s engine: an event loop that is blocked past every limit', (engine) => {
  async function reportAfter(meanwhile: (peer: Peer) => Promise<unknown>): Promise<CloseReport> {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    try {
      const flag = join(folder, 'go-on');
      await using fixture = new Fixture<Message>('socket/linger-loop-blocked', {
        args: [flag],
        execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
      });
      await using peer = await connect(fixture);
      await fixture.next();
      await meanwhile(peer);
      writeFileSync(flag, '');
      const { report } = await fixture.next();
      expect(await fixture.exit).toEqual({ code: 0, signal: null });
      return report;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('finds the EOF that came meanwhile', async () => {
    const report = await reportAfter(async (peer) => {
      await peer.send(50_000);
      await peer.close();
    });
    expect(report).toMatchObject({ outcome: 'eof', delivered: known(engine, true), discardedBytes: 50_000 });
  });

  test('finds the RST that came meanwhile', async () => {
    expect(await reportAfter((peer) => peer.reset())).toMatchObject({ outcome: 'peer-reset' });
  });

  test('ends a linger whose peer was silent, once', async () => {
    expect(await reportAfter(async () => {})).toMatchObject({
      outcome: expect.stringMatching(/^(idle|timeout)$/),
      discardedBytes: 0,
    });
  });
});

test('a linger whose EOF is in the queue has ended by that, and is not evicted', async () => {
  await using fixture = new Fixture<Address & { totals: object }>('socket/linger-loop-evicted');
  const address = await fixture.next();
  await using first = await Peer.connect(address);
  await fixture.next();
  await using second = await Peer.connect(address);
  await fixture.next();
  await first.send(1_000);
  await first.close();
  const { totals } = await fixture.next();
  expect(totals).toMatchObject({ evictions: 0, discardedBytes: 1_000, outcomes: { eof: 1 } });
  await second.close();
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});
