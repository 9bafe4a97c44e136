// What an ordinary request costs a client with register-clients: instructions of the client outside the kernel, counted
// by valgrind. The same counts as in instructions.mjs, of the other side, and with the same row of empty modules.
import { fileURLToPath } from 'node:url';
import { runText } from '../lab/children.mjs';
import { Bench } from './lib/bench.mjs';
import { canCount, counted, tabulateCounts } from './lib/counted.mjs';
import { loadModules, WITH_MODULES } from './lib/modules.mjs';
import { startOrdinary } from './lib/ordinary.mjs';
import { NODE_AS_IT_IS as PLAIN } from './lib/rivals.mjs';

const bench = new Bench('client-instructions', { runs: 2 });
const REGISTERED = 'register-clients';
const ROWS = {
  [PLAIN]: () => [],
  [WITH_MODULES]: loadModules,
  [REGISTERED]: () => ['--import', 'lingering-close/register-clients'],
};
const program = fileURLToPath(new URL('clients/requests.mjs', import.meta.url));

/** The requests between the two counts are measured: without the start of the process, and without the compiler. */
const KEPT = [bench.scaled(10_000, 20), bench.scaled(20_000, 40)];
const CLOSED = [bench.scaled(3_000, 20), bench.scaled(8_000, 40)];
const CASES = [
  { id: 'keep-alive', caption: 'http.request, keep-alive', way: 'http', close: false, counts: KEPT, limit: 1.01 },
  { id: 'close', caption: 'http.request, a connection each', way: 'http', close: true, counts: CLOSED, limit: 1.03 },
  { id: 'https', caption: 'https.request, keep-alive', way: 'https', close: false, counts: KEPT, limit: 1.01 },
  { id: 'fetch', caption: 'fetch, keep-alive', way: 'fetch', close: false, counts: KEPT, limit: 1.01 },
];

/** Instructions of a client from its start to its end, with `requests` requests. */
async function count(name, { id, way, close }, port, requests, seed) {
  const { prefix, execArgv, count } = counted(`${name}-${id}-${requests}`, seed);
  const words = [...prefix, process.execPath, ...execArgv, ...ROWS[name](), program];
  await runText(words[0], [...words.slice(1), way, port, close ? 'close' : 'keep-alive', requests]);
  return count();
}

async function countAll(given) {
  const server = await startOrdinary(PLAIN, given.way === 'https' ? 'https' : 'http');
  const [few, many] = given.counts;
  const rows = Object.fromEntries(Object.keys(ROWS).map((name) => [name, { instructions: [] }]));
  for (let run = 1; run <= bench.runs; run++) {
    for (const [name, { instructions }] of Object.entries(rows)) {
      // In parallel, because valgrind is slow.
      const counts = given.counts.map((requests) => count(name, given, server.port, requests, run));
      const [before, after] = await Promise.all(counts);
      instructions.push((after - before) / (many - few));
    }
  }
  await server.stop();
  tabulateCounts(bench, given, rows, { [REGISTERED]: WITH_MODULES });
}

const wanted = CASES.filter(({ id }) => bench.wants(id));
if (!canCount()) bench.note('valgrind', 'is not installed, and nothing can be counted without');
else for (const given of wanted) await countAll(given).catch(({ message }) => bench.note('valgrind', message));
bench.finish();
