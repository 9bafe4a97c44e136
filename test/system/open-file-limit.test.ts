// How many descriptors a process may have open, beside what a shell says of the process that it comes from.
import { expect, test } from 'vitest';
import { openFileLimit } from '../../src/system/open-file-limit.ts';
import { runOk } from '../support/run.ts';

test.skipIf(process.platform !== 'linux')('is the soft limit of the process [Linux only: /proc]', async () => {
  const limit = (await runOk('sh', ['-c', 'ulimit -Sn'])).trim();
  expect(openFileLimit()).toBe(limit === 'unlimited' ? Infinity : Number(limit));
});
