// `npm run test:clients`: the suite of real clients, with the packages of test/clients/node. `-- http`: the arguments
// are vitest's.
import { join } from 'node:path';
import { fetchInto, giveUp, runSuite } from './fetched-suite.mjs';
import { root } from './targets.mjs';

// By the lockfile, so that each package is the one whose hash it names.
const failure = fetchInto(join(root, 'test/clients/node'), ['ci', '--ignore-scripts', '--no-audit', '--no-fund']);
if (failure) giveUp('the clients of test/clients/node', failure);
runSuite('vitest.clients.config.ts');
