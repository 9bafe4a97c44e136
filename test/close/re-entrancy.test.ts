// What code of the application does in the middle of the begin of a close counts: a subscriber of the channels, a
// listener of 'unpipe'.
import { expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { ENGINES } from '../support/safe-close-host.ts';

test.each(ENGINES)('%s engine: a close that ends in its begin', async (engine) => {
  await using fixture = new Fixture('close/re-entrancy', { execArgv: engine === 'streams' ? STREAMS_ENGINE : [] });
  const once = (outcome: string) => ({ starts: 1, ends: [outcome], outcome, destroyed: true, thrown: [] });
  const ofServer = { active: 0 };
  // The server has no promise.
  const noReport = { outcome: undefined };
  const results = await fixture.next();
  if (engine === 'native') delete results["an 'unpipe' listener aborts, behind FIN"];
  expect(results).toEqual({
    "a subscriber destroys the socket, in the server's close": { ...once('closed'), ...ofServer, ...noReport },
    'a subscriber destroys the socket, in safeClose': once('closed'),
    'a subscriber destroys the socket, in safeClose of a server': { ...once('closed'), ...ofServer },
    "a subscriber resets, in the server's close": { ...once('reset'), ...ofServer, ...noReport },
    'a subscriber resets, in safeClose': once('reset'),
    "an 'unpipe' listener aborts, in the flush": once('aborted'),
    "an 'unpipe' listener resets, in the flush": once('reset'),
    ...(engine === 'streams' && { "an 'unpipe' listener aborts, behind FIN": once('aborted') }),
  });
});
