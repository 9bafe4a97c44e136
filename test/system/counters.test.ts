import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type TcpAbortCounters, tcpAbortCounters } from '../../src/index.ts';
import { enterNetns } from '../support/enter-netns.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { NETNS_SKIPPED, netns, netnsPermitted } from '../support/netns.ts';
import { Peer } from '../support/peer.ts';

const NAMES = [
  'abortOnClose',
  'abortOnData',
  'abortOnLinger',
  'abortOnTimeout',
  'abortOnMemory',
  'abortFailed',
  'resetsSent',
];
const NONE = Object.fromEntries(NAMES.map((name) => [name, 0]));

/** What one close adds to the counters of a fresh namespace, and what the peer read. */
async function closeOne(how: 'unread' | '0' | 'false', execArgv: string[] = []) {
  await using fixture = new Fixture<TcpAbortCounters & { port: number }>('system/counters-abort', {
    prefix: netns(),
    args: [how],
    execArgv,
  });
  const { port } = await fixture.next();
  await using peer = await Peer.connect(
    { host: '127.0.0.1', port },
    { prefix: enterNetns(fixture.process.pid as number) },
  );
  // On loopback what has been sent has been received.
  if (how === 'unread') await peer.send(100);
  fixture.send({});
  await fixture.next();
  const { end } = await peer.receive();
  fixture.send({});
  return { end, counted: await fixture.next() };
}

test('are seven totals, and never decrease', () => {
  const first = tcpAbortCounters();
  expect(Object.keys(first)).toEqual(NAMES);
  for (const [name, total] of Object.entries(tcpAbortCounters())) {
    expect(total).toSatisfy(Number.isSafeInteger);
    expect(total).toBeGreaterThanOrEqual(first[name as keyof TcpAbortCounters]);
  }
});

test('are all known to this kernel: a renamed counter would read as 0 for ever', () => {
  const columns = readFileSync('/proc/net/netstat', 'utf8') + readFileSync('/proc/net/snmp', 'utf8');
  for (const name of ['Close', 'Data', 'Linger', 'Timeout', 'Memory']) expect(columns).toContain(` TCPAbortOn${name} `);
  expect(columns).toContain(' TCPAbortFailed ');
  expect(columns).toContain(' OutRsts ');
});

test.skipIf(!netnsPermitted())(`a close with unread data adds one to abortOnClose${NETNS_SKIPPED}`, async () => {
  expect(await closeOne('unread')).toEqual({ end: 'ECONNRESET', counted: { ...NONE, abortOnClose: 1, resetsSent: 1 } });
});

test.skipIf(!netnsPermitted())(`a close with a linger of 0 adds one to abortOnData${NETNS_SKIPPED}`, async () => {
  expect(await closeOne('0')).toEqual({ end: 'ECONNRESET', counted: { ...NONE, abortOnData: 1, resetsSent: 1 } });
});

test.skipIf(!netnsPermitted())(`a close with FIN adds to none of them${NETNS_SKIPPED}`, async () => {
  expect(await closeOne('false')).toEqual({ end: 'eof', counted: NONE });
});

test.skipIf(!netnsPermitted())(`are exact without the addon too${NETNS_SKIPPED}`, async () => {
  expect(await closeOne('unread', STREAMS_ENGINE)).toEqual({
    end: 'ECONNRESET',
    counted: { ...NONE, abortOnClose: 1, resetsSent: 1 },
  });
});
