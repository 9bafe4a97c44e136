// What code of the application throws for one close takes nothing from the others, and is an uncaught exception of its
// own.
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const five = <Value>(value: Value) => Array<Value>(5).fill(value);

test.each(ENGINES)('%s engine: each report arrives, and each exception is uncaught', async (engine) => {
  await using fixture = new Fixture('close/one-throws', { execArgv: engine === 'streams' ? STREAMS_ENGINE : [] });
  expect(await fixture.next()).toEqual({
    'removeEventListener of the signal throws': { outcomes: five('eof'), thrown: five('removeEventListener') },
    'an abort, and removeEventListener throws': { outcomes: five('aborted'), thrown: ['removeEventListener'] },
    'a subscriber throws': { outcomes: five('eof'), thrown: five('a subscriber') },
    'the totals are frozen': { ends: 5, active: 0, thrown: 5 },
    'addEventListener of the signal throws': { outcomes: five('error'), thrown: [], destroyed: true },
    'it throws no error': { outcomes: five('error'), thrown: [], error: ['SocketError', 'ERR_SOCKET', 'null'] },
  });
});
