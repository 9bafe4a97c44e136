// What clients lose when a server is shut down: by each package for that purpose, by Node.js alone, and by this
// package. Counts, not times.
//
//   node bench/shutdown.mjs [--quick] [--only http-terminator] [--write]
//
// --quick: one short run, to test the script. --write: writes the results into bench/results/shutdown.json, and the
// table into docs/shutdown.md.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ADAPTERS } from './shutdown/adapters.mjs';

const { quick, write, only } = parseArgs({
  options: { quick: { type: 'boolean' }, write: { type: 'boolean' }, only: { type: 'string' } },
}).values;
const RUNS = quick ? 1 : 3;
const READERS = 6;
const UPLOAD = 20_000_000;
const RESPONSE = 3_000_000;
const RESTARTS = quick ? 1 : 5;
const CONNECTIONS = 32;
/** Every second connection rests up to that many milliseconds before its next request. */
const THINK = 50;
/** Milliseconds that each way has for requests in flight. */
const GRACE = { readers: 10_000, restarts: 3_000 };
const DRAIN_DELAY = 1_000;

const start = (name, options) =>
  fork(fileURLToPath(new URL(`shutdown/${name}.mjs`, import.meta.url)), [JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
const next = async (child) => (await once(child, 'message'))[0];

/** How many clients get a whole response from a server that is told to end during their requests. */
async function readers(adapter) {
  const server = start('server', { adapter, grace: GRACE.readers, drainDelay: 0, response: RESPONSE });
  const { port } = await next(server);
  const script = fileURLToPath(new URL('shutdown/readers.py', import.meta.url));
  const clients = spawn('python3', [script, port, READERS, UPLOAD, RESPONSE], { stdio: ['ignore', 'pipe', 'inherit'] });
  // A listener, because once() would miss messages that come together.
  const requests = new Promise((resolve) => {
    let count = 0;
    server.on('message', () => ++count === READERS && resolve());
  });
  let whole = '';
  clients.stdout.on('data', (chunk) => {
    whole += chunk;
  });
  const clientsExit = once(clients, 'close');
  await requests;
  const exit = once(server, 'exit');
  server.kill('SIGTERM');
  await Promise.all([clientsExit, exit]);
  return Number(whole);
}

/** What a client loses in several rolling restarts. */
async function restarts(adapter, drainDelay) {
  const fleet = start('fleet', { adapter, grace: GRACE.restarts, drainDelay, restarts: RESTARTS, pause: 500 });
  const { port } = await next(fleet);
  const load = start('load', { port, connections: CONNECTIONS, think: THINK });
  fleet.send('go');
  await next(fleet);
  const counted = next(load);
  load.send('stop');
  const counts = await counted;
  fleet.send('stop');
  await once(fleet, 'exit');
  return counts;
}

async function repeat(run) {
  const results = [];
  for (let i = 0; i < RUNS; i++) results.push(await run());
  return results;
}

const results = {};
for (const [adapter, { drains }] of Object.entries(ADAPTERS)) {
  if (only && adapter !== only) continue;
  results[adapter] = {
    readers: await repeat(() => readers(adapter)),
    restarts: await repeat(() => restarts(adapter, 0)),
  };
  if (drains) results[adapter].drained = await repeat(() => restarts(adapter, DRAIN_DELAY));
  console.log(row(adapter));
}

function row(adapter) {
  const { readers, restarts, drained } = results[adapter];
  const cells = [
    ADAPTERS[adapter].title,
    `${sum(readers)} of ${RUNS * READERS}`,
    lost(restarts),
    drained ? lost(drained) : 'has none',
  ];
  return `| ${cells.join(' | ')} |`;
}

/** The sum over all runs, and the count of each run. */
function lost(runs) {
  const counts = runs.map((run) => run.lost);
  return `${sum(counts)} of ${sum(runs.map(({ requests }) => requests)).toLocaleString('en')} (${counts.join(', ')})`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function table() {
  return [
    '| | slow readers served whole | requests lost in restarts | with a drain delay of 1 s |',
    '| --- | --- | --- | --- |',
    ...Object.keys(results).map(row),
  ].join('\n');
}

if (write) {
  const settings = {
    node: process.version,
    runs: RUNS,
    readers: READERS,
    restarts: RESTARTS,
    connections: CONNECTIONS,
    think: THINK,
    grace: GRACE,
  };
  writeFileSync(
    new URL('results/shutdown.json', import.meta.url),
    `${JSON.stringify({ ...settings, drainDelay: DRAIN_DELAY, results }, null, 2)}\n`,
  );
  const page = new URL('../docs/shutdown.md', import.meta.url);
  const text = readFileSync(page, 'utf8');
  const marked = /(<!-- bench: shutdown -->\n)[\s\S]*?(\n<!-- \/bench -->)/;
  if (!marked.test(text)) throw new Error('docs/shutdown.md has no place for the table');
  writeFileSync(
    page,
    text.replace(marked, (_all, open, close) => `${open}${table()}${close}`),
  );
}
