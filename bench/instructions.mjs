// What a request on a connection that stays open pays, in HTTP/1.1 and in HTTP/2: instructions of the server outside
// the kernel, counted by valgrind, because the difference is too small to be timed. On a busy machine V8 collects
// garbage at other moments, and the counts differ by some per cent.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pairedRatio } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';
import { loadModules, WITH_MODULES } from './lib/modules.mjs';
import { startOrdinary, WITH_US } from './lib/ordinary.mjs';
import { NODE_AS_IT_IS as PLAIN } from './lib/rivals.mjs';

const bench = new Bench('instructions', { runs: 2 });
/** The requests between the two counts are measured: without the start of the process, and without the compiler. */
const COUNTS = bench.size([10_000, 25_000], [20, 40]);
const folder = mkdtempSync(join(tmpdir(), 'instructions-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

/** For each protocol a client that sends `requests` requests, one at a time. */
const CLIENTS = {
  async http(port, requests) {
    const agents = Array.from({ length: 4 }, () => new http.Agent({ keepAlive: true, maxSockets: 1 }));
    for (let i = 0; i < requests; i++) {
      const request = http.get({ port, host: '127.0.0.1', agent: agents[i % agents.length] });
      const [response] = await once(request, 'response');
      await once(response.resume(), 'end');
    }
    return () => agents.map((agent) => agent.destroy());
  },
  async http2(port, requests) {
    const session = http2.connect(`http://127.0.0.1:${port}`);
    for (let i = 0; i < requests; i++) await once(session.request({ ':path': '/' }).resume(), 'close');
    return () => session.on('error', () => {}).destroy();
  },
};

/** Instructions of a process from its start to its end, with `requests` requests. */
async function count(name, protocol, requests, seed) {
  const log = join(folder, `${name}-${protocol}-${requests}`);
  const prefix = [
    'valgrind',
    '--tool=cachegrind',
    '--cache-sim=no',
    '--cachegrind-out-file=/dev/null',
    '--smc-check=all-non-file',
  ];
  // With one thread and the same seeds, V8 does the same each time.
  const execArgv = ['--single-threaded', `--hash-seed=${seed}`, `--random-seed=${seed}`];
  if (name === WITH_MODULES) execArgv.push(...loadModules());
  const server = await startOrdinary(name === WITH_MODULES ? PLAIN : name, protocol, {
    prefix: [...prefix, `--log-file=${log}`],
    execArgv,
  });
  const end = await CLIENTS[protocol](server.port, requests);
  // valgrind writes its count when the process ends.
  await server.stop('SIGTERM', 60_000);
  end();
  const counted = /I\s+refs:\s+([\d,]+)/.exec(readFileSync(log, 'utf8'));
  if (!counted) throw new Error('has written no count');
  return Number(counted[1].replaceAll(',', ''));
}

async function perRequest(name, protocol, seed) {
  const [few, many] = COUNTS;
  // In parallel, because valgrind is slow.
  const [before, after] = await Promise.all(COUNTS.map((requests) => count(name, protocol, requests, seed)));
  return (after - before) / (many - few);
}

async function countAll(protocol, id, caption) {
  const rows = Object.fromEntries([PLAIN, WITH_MODULES, ...WITH_US].map((name) => [name, { instructions: [] }]));
  for (let run = 1; run <= bench.runs; run++) {
    for (const [name, { instructions }] of Object.entries(rows))
      instructions.push(await perRequest(name, protocol, run));
  }
  for (const name of [WITH_MODULES, ...WITH_US])
    rows[name].ratio = pairedRatio(rows[name].instructions, rows[PLAIN].instructions).values;
  const columns = {
    instructions: { label: 'instructions a request', digits: 0 },
    ratio: { label: 'against Node as it is', digits: 3 },
  };
  bench.table(id, caption, columns, rows);
}

if (spawnSync('valgrind', ['--version']).status !== 0)
  bench.note('valgrind', 'is not installed, and nothing can be counted without');
else {
  for (const [protocol, id, caption] of [
    ['http', 'keep-alive', 'keep-alive'],
    ['http2', 'http2', 'HTTP/2'],
  ])
    await countAll(protocol, id, caption).catch(({ message }) => bench.note('valgrind', message));
}
bench.finish();
