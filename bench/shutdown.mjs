// What clients lose when a server is shut down, and what that costs: by each package for that purpose, by Node.js
// alone, and by this package.
//
//   node bench/shutdown.mjs [--quick] [--only http-terminator] [--case idle] [--runs 3] [--write]
//
// --quick: one short run, to test the script. --write: writes the results into bench/results/shutdown.json, and the
// tables into docs/shutdown.md; of a single case, in place of that case's. --tables writes these from the results that
// are there. The README has some of them too.
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { cpus, loadavg, release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ADAPTERS } from './shutdown/adapters.mjs';

const {
  quick,
  write,
  only,
  runs,
  tables,
  case: single,
} = parseArgs({
  options: {
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
    tables: { type: 'boolean' },
    only: { type: 'string' },
    case: { type: 'string' },
    runs: { type: 'string', default: '3' },
  },
}).values;
const RUNS = quick ? 1 : Number(runs);
const READERS = 6;
const UPLOAD = 20_000_000;
const RESPONSE = 3_000_000;
const RESTARTS = quick ? 1 : 2;
const CONNECTIONS = 32;
/** Every second connection rests up to that many milliseconds before its next request. */
const THINK = 50;
/** Milliseconds that each way has for requests in flight. */
const GRACE = { readers: 10_000, restarts: 3_000 };
const DRAIN_DELAY = 1_000;
/** Connections that the kernel has accepted, and the process has not. */
const BACKLOG = 20;
const IDLE = 1_000;
/** Milliseconds after which a process that does not end is killed. */
const LIMIT = 20_000;

const file = (name) => fileURLToPath(new URL(`shutdown/${name}`, import.meta.url));
const start = (name, options) =>
  fork(file(`${name}.mjs`), [JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
const next = async (child) => (await once(child, 'message'))[0];

/** The end of a server: how long it took, and its CPU time, in milliseconds. */
async function end(server, terminate = () => server.kill('SIGTERM')) {
  let said = '';
  server.stdout.on('data', (chunk) => {
    said += chunk;
  });
  const startedAt = performance.now();
  const closed = once(server, 'close');
  terminate();
  const limit = setTimeout(() => server.kill('SIGKILL'), LIMIT);
  await closed;
  clearTimeout(limit);
  return { ms: performance.now() - startedAt, cpu: Number(said) };
}

/** How many clients get a whole response from a server that is told to end during their requests. */
async function readers(adapter) {
  const server = start('server', { adapter, grace: GRACE.readers, drainDelay: 0, response: RESPONSE });
  const { port } = await next(server);
  const clients = spawn('python3', [file('readers.py'), port, READERS, UPLOAD, RESPONSE], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
  await Promise.all([clientsExit, end(server)]);
  return { requests: READERS, lost: READERS - Number(whole) };
}

/** What a client loses in several rolling restarts. */
async function restarts(adapter, protocol, drainDelay) {
  const settings = { adapter, protocol, grace: GRACE.restarts, drainDelay };
  const fleet = start('fleet', { ...settings, restarts: RESTARTS, pause: 500 });
  fleet.stdout.resume();
  const { port } = await next(fleet);
  const load = start('load', { port, protocol, connections: CONNECTIONS, think: THINK });
  fleet.send('go');
  await next(fleet);
  const counted = next(load);
  load.send('stop');
  const counts = await counted;
  fleet.send('stop');
  await once(fleet, 'exit');
  return counts;
}

/** The event loop stands still while connections come with their requests; behind them comes the signal. */
async function backlog(adapter) {
  const server = start('server', { adapter, grace: GRACE.restarts, drainDelay: 0 });
  const { port } = await next(server);
  server.send({ block: BACKLOG });
  await next(server);
  const answered = Promise.all(
    Array.from({ length: BACKLOG }, async () => {
      const socket = connect(port, '127.0.0.1');
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      await new Promise((resolve) => socket.on('close', resolve).on('error', () => {}));
      return text.endsWith('x'.repeat(1_000));
    }),
  );
  await Promise.all([answered, end(server, () => {})]);
  return { requests: BACKLOG, lost: BACKLOG - (await answered).filter(Boolean).length };
}

/** What it costs to end connections that have nothing to do. */
async function idle(adapter) {
  const server = start('server', { adapter, grace: GRACE.restarts, drainDelay: 0 });
  const { port } = await next(server);
  const client = spawn('python3', [file('connections-client.py'), port, IDLE], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(client.stdout, 'data');
  await sleep(500);
  const cost = await end(server);
  client.kill();
  return cost;
}

const CASES = {
  readers,
  http: (adapter) => restarts(adapter, 'http', 0),
  https: (adapter) => restarts(adapter, 'https', 0),
  http2: (adapter) => restarts(adapter, 'http2', 0),
  drained: (adapter) => (ADAPTERS[adapter].drains ? restarts(adapter, 'http', DRAIN_DELAY) : undefined),
  backlog,
  idle,
};

const page = new URL('../docs/shutdown.md', import.meta.url);
const json = new URL('results/shutdown.json', import.meta.url);
const measured = tables ? JSON.parse(readFileSync(json, 'utf8')) : await measure();
const { results } = measured;
console.log(lostTable(), `\n\n${costTable()}`);
if (write || tables) writePage();

async function measure() {
  const measured = {
    node: process.version,
    kernel: release(),
    processors: cpus().length,
    /** The load average before the first run and behind each. */
    load: [loadavg()[0]],
    runs: 0,
    readers: READERS,
    restarts: RESTARTS,
    connections: CONNECTIONS,
    think: THINK,
    grace: GRACE,
    drainDelay: DRAIN_DELAY,
    backlog: BACKLOG,
    idle: IDLE,
    results: {},
  };
  const adapters = Object.keys(ADAPTERS).filter((adapter) => !only || adapter === only);
  const cases = Object.entries(CASES).filter(([name]) => !single || name === single);
  const before = single ? JSON.parse(readFileSync(json, 'utf8')) : { results: {} };
  if (single) measured.load = [...before.load, ...measured.load];
  for (const adapter of adapters) {
    const empty = Object.fromEntries(Object.keys(CASES).map((name) => [name, []]));
    measured.results[adapter] = { ...empty, ...before.results[adapter], ...(single && { [single]: [] }) };
  }
  while (measured.runs < RUNS) {
    for (const [name, run] of cases) {
      // By turns, so that all of them have the same machine.
      for (const adapter of adapters) {
        const result = await run(adapter);
        console.error(name, adapter, JSON.stringify(result));
        if (result) measured.results[adapter][name].push(result);
      }
    }
    measured.runs++;
    measured.load.push(loadavg()[0]);
    if (write) writeFileSync(json, `${JSON.stringify(measured, null, 2)}\n`);
  }
  return measured;
}

function lostTable() {
  return [
    '| | slow readers | restarts, http | restarts, https | restarts, HTTP/2 | http, drain of 1 s | backlog |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...Object.entries(results).map(([adapter, { readers, http, https, http2, drained, backlog }]) => {
      const cells = [readers, http, https, http2, drained, backlog].map((all) =>
        all.length > 0 ? lost(all) : 'has none',
      );
      return `| ${[ADAPTERS[adapter].title, ...cells].join(' | ')} |`;
    }),
  ].join('\n');
}

function costTable() {
  return [
    `| ${IDLE.toLocaleString('en')} idle connections | until the process has ended | CPU time |`,
    '| --- | --- | --- |',
    ...Object.entries(results).map(([adapter, { idle }]) => {
      const of = (name) => `${median(idle.map((cost) => cost[name])).toFixed(0)} ms`;
      return `| ${ADAPTERS[adapter].title} | ${of('ms')} | ${of('cpu')} |`;
    }),
  ].join('\n');
}

/** The sum over all runs, and the count of each run. */
function lost(runs) {
  const counts = runs.map((run) => run.lost);
  const all = sum(runs.map(({ requests }) => requests)).toLocaleString('en');
  return `${sum(counts).toLocaleString('en')} of ${all} (${counts.join(', ')})`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function writePage() {
  const text = readFileSync(page, 'utf8');
  const marked = /(<!-- bench: shutdown -->\n)[\s\S]*?(\n<!-- \/bench -->)/;
  if (!marked.test(text)) throw new Error('docs/shutdown.md has no place for the tables');
  writeFileSync(
    page,
    text.replace(marked, (_all, open, close) => `${open}${lostTable()}\n\n${costTable()}${close}`),
  );
}
