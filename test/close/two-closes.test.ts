// A socket has one close and one report, whether its server or safeClose comes first.
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

interface Result {
  /** How many different promises there were. */
  same: number;
  outcomes: string[];
  /** How many ends were published. */
  ends: number;
  /** How many closes the server has counted. */
  counted: number;
}

test.each(ENGINES)('%s engine: one close, one report, counted once', async (engine) => {
  await using fixture = new Fixture<Record<string, Result>>('close/two-closes', {
    execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
  });
  const results = await fixture.next();
  const once = { same: 1, ends: 1 };
  const byServer = { ...once, outcomes: ['idle'], counted: 1 };
  const byApplication = { ...once, outcomes: ['idle'], counted: 0 };
  expect(results).toEqual({
    "the server's own close, then safeClose": byServer,
    "the server's own close, and safeClose later": byServer,
    "safeClose, then the server's own close": byApplication,
    "safeClose in the flush, then the server's own close": byApplication,
    'closeServer in the middle of a flush, then safeClose': byApplication,
  });
  expect(fixture.stderr).toBe('');
});
