// The addon's own functions with arguments of every type and descriptors of every kind. RAW_CALLS: how many calls of
// each function.
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

const descriptors = fileURLToPath(new URL('../support/descriptors.py', import.meta.url));
const CALLS = Number(process.env['RAW_CALLS'] || 100_000);
const SPARE = 200;

interface Outcome {
  seed: number;
  names: string[];
  tally: Record<string, Record<string, number>>;
  bad: unknown[];
  ended: number;
  taken: number;
  changed: unknown[];
  stillOpen: number[];
  descriptors: [before: number, after: number];
  memory: [before: number, after: number];
  seconds: number;
}

test(`${CALLS} calls of each function of the addon: no crash, the right errno, no descriptor lost, flat memory`, {
  timeout: 60_000 + 2 * CALLS,
}, async () => {
  await using fixture = new Fixture<Outcome>('socket/raw-calls', {
    args: [String(CALLS)],
    prefix: ['python3', descriptors, String(SPARE)],
    // V8's new space grows in steps of its own, empty or not.
    execArgv: ['--expose-gc', '--max-semi-space-size=16'],
  });
  const {
    seed,
    names,
    tally,
    bad,
    ended,
    taken,
    changed,
    stillOpen,
    descriptors: [before, after],
    memory,
    seconds,
  } = await fixture.next();
  console.log(
    `raw calls: SEED=${seed}, ${names.length} functions, ${CALLS} calls each in ${seconds.toFixed(1)} s, ` +
      `${ended} lingers, descriptors ${before} before and ${after} after (${taken} were given away), ` +
      `resident MB ${memory.map(Math.round).join(' and ')}`,
  );
  expect(bad).toEqual([]);
  for (const name of names) {
    const calls = Object.values(tally[name] ?? {}).reduce((sum, count) => sum + count, 0);
    expect(calls, name).toBeGreaterThanOrEqual(CALLS);
    // Both refused and accepted calls were made.
    expect(Object.keys(tally[name] ?? {}), name).toContain(name === 'openLingerLoop' ? 'errno 114' : 'done');
  }
  expect(ended).toBeGreaterThan(0);
  expect(changed).toEqual([]);
  expect(stillOpen).toEqual([]);
  expect(memory[1] - memory[0]).toBeLessThan(64);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr).toBe('');
});
