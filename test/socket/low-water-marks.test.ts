// The receive low-water marks of the discard loop: which ones it sets.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runJson } from '../../lab/children.mjs';
import { compile, compileFile } from '../../lab/compile.mjs';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { skipped, skips } from '../support/project.ts';
import { KB, MB } from '../support/safe-close-host.ts';

const missing = spawnSync('cc', ['--version']).error ? 'there is no C compiler' : '';

describe.skipIf(skips(missing))(`low-water marks${skipped(missing)}`, () => {
  let folder: string;
  let library: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    const source = fileURLToPath(new URL('../support/told-marks.c', import.meta.url));
    library = compileFile(source, join(folder, 'told-marks.so'), ['-shared', '-fPIC']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Some lingering connections, and the marks that are set on them. */
  const start = (count: number, env: Record<string, string> = {}) =>
    new Fixture<{ port: number }>('socket/linger-loop-busy', {
      args: [String(count)],
      env: { LD_PRELOAD: library, ...env },
    });

  test('a mark rises in steps, never above what was sent, and falls in steps', async () => {
    await using fixture = start(1);
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    let sent = 0;
    for (const mark of [1 * MB, 2 * MB]) {
      // More than once, because on a busy machine a sender may seem slow and lose its mark. A step may be missing where
      // much arrives at once.
      while (!marksOf(fixture).some((asked) => asked.mark >= mark)) {
        await peer.send(256 * KB);
        sent += 256 * KB;
      }
      expect(Math.max(...marksOf(fixture).map((asked) => asked.mark))).toBeLessThanOrEqual(sent);
    }
    // A peer that sends no more does not fill the mark.
    while (marksOf(fixture).at(-1)?.mark !== 1) await once(fixture.process.stderr as Readable, 'data');
    const asked = marksOf(fixture).map(({ mark }) => mark);
    expect(asked.slice(asked.lastIndexOf(2 * MB))).toEqual([2 * MB, 1 * MB, 256 * KB, 1]);
    await peer.close();
    expect(await fixture.next()).toMatchObject({ outcome: 'eof', discardedBytes: sent });
  });

  test('all marks have a budget, of which each has its share', async () => {
    const budget = Math.min(128 * MB, Math.min(totalmem(), process.constrainedMemory() || Infinity) / 128);
    const few = 8;
    const many = 1_000;
    await using fixture = start(few + many);
    const { port } = await fixture.next();
    const early = spawn(compile('sender'), [port, few, 1e15, 60].map(String), { stdio: 'ignore' });
    try {
      // Larger marks, while there is room for them.
      while (!marksOf(fixture).some(({ mark }) => mark >= 1 * MB))
        await once(fixture.process.stderr as Readable, 'data');
      await runJson(compile('sender'), [port, many, 4 * MB, 0]);
    } finally {
      early.kill();
    }

    const marks = new Map<number, number>();
    let shared = 0;
    for (const { fd, mark } of marksOf(fixture)) {
      const raised = mark > (marks.get(fd) ?? 1);
      if (mark > 1) marks.set(fd, mark);
      else marks.delete(fd);
      const held = [...marks.values()];
      expect(held.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(budget);
      if (raised && mark > 256 * KB) expect(mark * held.length).toBeLessThanOrEqual(budget);
      if (Math.max(...held) * held.length <= budget) shared = Math.max(shared, held.length);
    }
    // The marks from the time with few connections are lowered.
    expect(shared).toBeGreaterThan(Math.min(many, Math.floor(budget / (256 * KB))) / 2);
  });

  test('a mark that is capped is not set again and again', async () => {
    await using fixture = start(1, { MARK_CAP: String(64 * KB) });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    // Enough for the first step and not for the others: a fast sender might skip it otherwise.
    const [sent] = await Promise.all([peer.send(512 * KB), once(fixture.process.stderr as Readable, 'data')]);
    expect(sent).toEqual({ sent: 512 * KB });
    expect(await peer.send(200 * MB)).toEqual({ sent: 200 * MB });
    await peer.close();
    expect(await fixture.next()).toMatchObject({ outcome: 'eof', discardedBytes: 200 * MB + 512 * KB });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    // Once for each step, and again where the sender was late to fill it.
    const asked = marksOf(fixture).filter(({ mark }) => mark > 0);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(20);
  });

  test.each([
    ['keep theirs: TCP is not short of memory', 'no', false],
    ['lose theirs too: TCP is short of memory', 'yes', true],
  ])('a connection for which the kernel wakes us early loses its mark; the others %s', async (_title, press, lost) => {
    const protocols = join(folder, `protocols-${press}`);
    const row = (name: string, pressed: string) =>
      `${name.padEnd(9)} 2304     12   45   ${pressed.padEnd(3)}  192   yes\n`;
    writeFileSync(protocols, `protocol  size sockets\n${row('TCPv6', 'NI')}${row('TCP', press)}${row('UDP', 'NI')}`);
    await using fixture = start(2, { EARLY: '1', PROTOCOLS: protocols });
    const { port } = await fixture.next();
    const told = () => once(fixture.process.stderr as Readable, 'data');
    // A sender that fills its mark, whatever it is.
    const other = spawn(compile('sender'), [port, 1, 1e15, 60].map(String), { stdio: 'ignore' });
    try {
      while (marksOf(fixture).length === 0) await told();
      await using peer = await Peer.connect({ host: '127.0.0.1', port });
      const [{ fd: others }] = marksOf(fixture) as [{ fd: number; mark: number }];
      const own = () => marksOf(fixture).filter(({ fd }) => fd !== others);
      const lostByOthers = () => marksOf(fixture).some(({ fd, mark }) => fd === others && mark === 1);
      await peer.send(300 * KB);
      while (own().length === 0) await told();
      // More than the small buffer holds, and in all not enough for the next step.
      for (let i = 0; i < 10 && own().at(-1)?.mark !== 1; i++) await peer.send(64 * KB);
      while (own().at(-1)?.mark !== 1) await told();
      while (lost && !lostByOthers()) await told();
      // Its own mark does not come back before it has sent more.
      await peer.send(MB);
      expect(own().map(({ mark }) => mark)).toEqual([256 * KB, 1]);
      expect(lostByOthers()).toBe(lost);
    } finally {
      other.kill();
    }
  });
});

/** What the fixture set, in order: 1 where it removed a mark, 0 where it closed the descriptor. */
function marksOf({ stderr }: Fixture<unknown>): { fd: number; mark: number }[] {
  return stderr
    .slice(0, stderr.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
    .map(([fd = -1, mark = -1]) => ({ fd, mark }));
}
