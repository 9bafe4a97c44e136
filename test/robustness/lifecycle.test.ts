// What happens to lingers when their process or their thread ends.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { CloseReport } from '../../src/index.ts';
import { enterNetns } from '../support/enter-netns.ts';
import { Fixture } from '../support/fixture.ts';
import { post } from '../support/http-text.ts';
import { NETNS_SKIPPED, netns, netnsPermitted } from '../support/netns.ts';
import { Peer } from '../support/peer.ts';

interface Message {
  address: string;
  port: number;
  pending?: true;
  exit?: true;
  report?: CloseReport;
}

async function listening(fixture: Fixture<Message>) {
  const { address, port } = await fixture.next();
  return { host: address, port };
}

test('a pending linger keeps the process alive until the linger ends', async () => {
  await using fixture = new Fixture<Message>('robustness/lifecycle-pending', { args: ['{}'] });
  await using peer = await Peer.connect(await listening(fixture));
  expect(await fixture.next()).toEqual({ pending: true });
  expect(await peer.receive()).toMatchObject({ tail: 'last words', end: 'eof' });
  expect(fixture.process.exitCode).toBeNull();
  await peer.close();
  expect((await fixture.next()).report).toMatchObject({ outcome: 'eof', delivered: true, engine: 'native' });
  expect(await fixture.next()).toEqual({ exit: true });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('with ref: false it does not, and the peer still gets the last bytes and FIN', async () => {
  await using fixture = new Fixture<Message>('robustness/lifecycle-pending', { args: ['{"ref":false}'] });
  await using peer = await Peer.connect(await listening(fixture));
  expect(await fixture.next()).toEqual({ pending: true });
  expect(await fixture.next()).toEqual({ exit: true });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(await peer.receive()).toMatchObject({ tail: 'last words', end: 'eof' });
});

test('SIGTERM in the middle of a linger ends the process by that signal', async () => {
  await using fixture = new Fixture<Message>('robustness/lifecycle-pending', { args: ['{}', 'SIGTERM'] });
  await using peer = await Peer.connect(await listening(fixture));
  expect(await fixture.exit).toEqual({ code: null, signal: 'SIGTERM' });
  expect(await peer.receive()).toMatchObject({ tail: 'last words', end: 'eof' });
});

describe.skipIf(!netnsPermitted())(`what is in the receive queue when the process ends${NETNS_SKIPPED}`, () => {
  async function errnoAfter(exit: string): Promise<string | null> {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    try {
      const flag = join(folder, 'sent');
      await using fixture = new Fixture<Message>('robustness/lifecycle-pending', {
        args: ['{}', exit, flag],
        prefix: netns(),
      });
      await using peer = await Peer.connect(await listening(fixture), {
        prefix: enterNetns(fixture.process.pid as number),
      });
      expect(await fixture.next()).toEqual({ pending: true });
      expect(await fixture.next()).toEqual({ blocked: true });
      expect(await peer.send(50_000)).toEqual({ sent: 50_000 });
      writeFileSync(flag, '');
      await fixture.exit;
      return await peer.untilBroken(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  test('causes a RST if it is not drained', async () => {
    expect(await errnoAfter('process.reallyExit')).toBe('EPIPE');
  });

  test('causes no RST at process.exit(), which drains each linger once', async () => {
    expect(await errnoAfter('process.exit')).toBeNull();
  });
});

test.each(['terminate', 'natural end'])(
  'Workers that end in the middle of a linger (%s) leave no descriptor behind and do not harm the process',
  async (how) => {
    await using fixture = new Fixture<{ before: number; after: number }>('robustness/lifecycle-worker', {
      args: [how, '20'],
    });
    const { before, after } = await fixture.next();
    expect(after).toBe(before);
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(fixture.stderr).toBe('');
  },
);

test('Workers that are terminated while they load the addon do not harm the process', async () => {
  await using fixture = new Fixture('robustness/lifecycle-worker-loading', { args: ['200'] });
  expect(await fixture.next()).toEqual({ interrupted: true });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr).toBe('');
});

test('a child process that starts in the middle of a linger inherits no descriptor', async () => {
  await using fixture = new Fixture<{ descriptors: string } & Message>('robustness/lifecycle-spawn');
  await using peer = await Peer.connect(await listening(fixture));
  const { descriptors } = await fixture.next();
  // Its stdin, stdout and stderr are sockets too.
  expect(descriptors.match(/socket:/g)).toHaveLength(3);
  await peer.close();
  expect((await fixture.next()).report).toMatchObject({ outcome: 'eof' });
});

test('several copies of the package work in one process', async () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const copy = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  try {
    for (const part of ['package.json', 'dist', 'build/Release']) {
      mkdirSync(join(copy, part, '..'), { recursive: true });
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    await using fixture = new Fixture('robustness/lifecycle-copies', {
      args: [copy],
      env: { LINGERING_CLOSE_PREBUILD: '' },
    });
    expect(await fixture.next()).toEqual({ outcomes: ['native eof', 'native eof', 'native eof'], reset: 'ECONNRESET' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  } finally {
    rmSync(copy, { recursive: true });
  }
});

test('modules that are evaluated again and again have the listeners of one copy', async () => {
  await using fixture = new Fixture('robustness/lifecycle-many-copies');
  const { warnings, exit, beforeExit } = await fixture.next();
  expect(warnings).toEqual([]);
  expect(exit).toBeLessThan(4);
  expect(beforeExit).toBeLessThan(4);
});

test('the ES module and the CommonJS build in one process are one copy: one loop, one owner', async () => {
  await using fixture = new Fixture<Record<string, unknown> & { port: number }>('robustness/lifecycle-builds');
  const { port, ...start } = await fixture.next();
  // The second found the loop of the first: no further instance of epoll.
  expect(start).toEqual({ engines: ['native', 'native'], differ: true, opened: [true, false] });
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.write(post(1 << 20));
  expect((await peer.receiveResponse()).text).toMatch(/^HTTP\/1\.1 413 /);
  // The second call of lingerOnClose took the place of the first; the connection lingers once, on one descriptor.
  expect(await fixture.next()).toEqual({ active: [0, 1], sockets: 1, samePromise: true });
  fixture.send({});
  await peer.send(1 << 20);
  await peer.receive();
  await peer.close();
  const { eof, ends } = await fixture.next();
  expect({ eof, ends }).toEqual({ eof: 1, ends: 1 });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});
