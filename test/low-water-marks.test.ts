// The receive low-water marks of the discard loop: which it asks for, as the kernel is told.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runJson } from '../bench/lib/children.mjs';
import { compile, compileFile } from '../bench/lib/compile.mjs';
import { KB, MB } from './support/close-server.ts';
import { Fixture } from './support/fixture.ts';
import { Peer } from './support/peer.ts';
import { skipped, skips } from './support/project.ts';

const missing = spawnSync('cc', ['--version']).error ? 'there is no C compiler' : '';

describe.skipIf(skips(missing))(`low-water marks${skipped(missing)}`, () => {
  let folder: string;
  let library: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    const source = fileURLToPath(new URL('support/told-marks.c', import.meta.url));
    library = compileFile(source, join(folder, 'told-marks.so'), ['-shared', '-fPIC']);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** So many connections that linger, and what is asked of them. */
  const start = (count: number, env: Record<string, string> = {}) =>
    new Fixture<{ port: number }>('linger-loop-busy', { args: [String(count)], env: { LD_PRELOAD: library, ...env } });

  test('a mark is raised in steps, each no more than has been sent, and lowered in steps', async () => {
    await using fixture = start(1);
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    let sent = 0;
    for (const mark of [1 * MB, 2 * MB]) {
      // Again, for a machine that is busy for a second takes the mark from a sender that seems slow. A step may be left out where much comes at once.
      while (!marksOf(fixture).some((asked) => asked.mark >= mark)) {
        await peer.send(256 * KB);
        sent += 256 * KB;
      }
      expect(Math.max(...marksOf(fixture).map((asked) => asked.mark))).toBeLessThanOrEqual(sent);
    }
    // A peer that says no more does not fill it.
    while (marksOf(fixture).at(-1)?.mark !== 1) await once(fixture.process.stderr as Readable, 'data');
    const asked = marksOf(fixture).map(({ mark }) => mark);
    expect(asked.slice(asked.lastIndexOf(2 * MB))).toEqual([2 * MB, 1 * MB, 256 * KB, 1]);
    await peer.close();
    expect(await fixture.next()).toMatchObject({ outcome: 'eof', discardedBytes: sent });
  });

  test('all marks have a budget, and of the largest there are no more than fill half of it', async () => {
    const count = 192;
    const budget = Math.min(128 * MB, Math.min(totalmem(), process.constrainedMemory() || Infinity) / 128);
    await using fixture = start(count);
    const { port } = await fixture.next();
    const { connections } = await runJson(compile('sender'), [port, count, 1e15, 1]);
    expect(connections).toBe(count);
    const marks = new Map<number, number>();
    let most = 0;
    for (const { fd, mark } of marksOf(fixture)) {
      marks.set(fd, mark > 1 ? mark : 0);
      const sum = [...marks.values()].reduce((a, b) => a + b, 0);
      most = Math.max(most, sum);
      expect(sum).toBeLessThanOrEqual(mark === 2 * MB ? budget / 2 : budget);
    }
    expect(most).toBeGreaterThan(budget / 2);
  });

  test('a mark that is capped is not asked for again and again', async () => {
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
    // Once a step; and again where the sender was late to fill it.
    const asked = marksOf(fixture).filter(({ mark }) => mark > 0);
    expect(asked.length).toBeGreaterThan(1);
    expect(asked.length).toBeLessThan(20);
  });
});

/** What the fixture asked for, in order: 1 where it took a mark away, 0 where it closed the descriptor. */
function marksOf(fixture: Fixture<unknown>): { fd: number; mark: number }[] {
  return fixture.stderr
    .trimEnd()
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
    .map(([fd = -1, mark = -1]) => ({ fd, mark }));
}
