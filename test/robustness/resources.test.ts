// What a close takes and gives back: descriptors and memory.
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

test.concurrent.each([
  'linger',
  'delivered',
  'drain',
  'reset',
  'aborted',
  'idle at once',
  'tls',
  'tls reset',
  'unix',
  'setLinger and destroy',
])('1,000 closes leave as many descriptors as there were: %s', async (kind) => {
  const path = join(tmpdir(), `lingering-close-${process.pid}-${kind}.sock`);
  await using fixture = new Fixture<{ closes: number; before: number; after: number }>(
    'robustness/resources-descriptors',
    {
      args: [kind, '1000', path],
    },
  );
  const { closes, before, after } = await fixture.next();
  expect({ closes, descriptors: after }).toEqual({ closes: 1_000, descriptors: before });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr).toBe('');
  rmSync(path, { force: true });
});

test('a lingering connection takes less than 1 KiB more than a bare duplicate', async () => {
  await using fixture = new Fixture<{ rss: number; heap: number }>('robustness/resources-memory', {
    args: ['9000'],
    // V8's new space grows in steps of its own, empty or not.
    execArgv: ['--expose-gc', '--max-semi-space-size=16'],
  });
  const { rss, heap } = await fixture.next();
  expect(rss).toBeLessThan(1_024);
  expect(heap).toBeLessThan(1_024);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
}, 120_000);
