// destroy() of a socket that has no connection is Node's own: nothing is asked, counted or waited for.
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

test.each(ENGINES)('%s engine: sockets sent to another process, never connected, and connecting', async (engine) => {
  await using fixture = new Fixture('close/no-handle', { execArgv: engine === 'streams' ? STREAMS_ENGINE : [] });
  expect(await fixture.next()).toEqual({
    before: { asked: 0, active: 0, evictions: 0, errors: ['of the application'] },
    after: { asked: 4, active: 2, evictions: 2 },
    slow: false,
  });
  expect(fixture.stderr).toBe('');
});
