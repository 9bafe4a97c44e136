// What ordinary traffic pays, counted and not timed: instructions of the server's user code a request, by valgrind. A machine on which others work gives the same figures.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from './lib/bench.mjs';
import { CASES, startOrdinary, WITH_US } from './lib/ordinary.mjs';
import { NODE_AS_IT_IS as PLAIN } from './lib/rivals.mjs';
import { pairedRatio } from './lib/statistics.mjs';

const bench = new Bench('instructions', { runs: 2 });
/** Where a difference is too small to be timed. The other cases take valgrind a quarter of an hour. */
const COUNTED = Object.entries(CASES).filter(([name]) => name === 'keep-alive');
/** What lies between the two is counted: behind the start of the process, and behind the compiler. */
const COUNTS = bench.size([10_000, 25_000], [20, 40]);
const folder = mkdtempSync(join(tmpdir(), 'instructions-'));
process.on('exit', () => rmSync(folder, { recursive: true }));

// What any package of this size does to a process: V8 comes to place things elsewhere, and a request takes more or fewer instructions for it.
const OTHERS = 'Node as it is, and 24 modules more';
const others = join(folder, 'all.mjs');
const source = (i) =>
  `const seen = new WeakMap();\nexport function use${i}(key, value = ${i}) {\n  seen.set(key, { value, list: [key] });\n  return () => seen.delete(key);\n}\n`;
for (let i = 1; i <= 24; i++) writeFileSync(join(folder, `${i}.mjs`), source(i));
writeFileSync(others, Array.from({ length: 24 }, (_, i) => `import './${i + 1}.mjs';\n`).join(''));

/** Instructions of a process from its start to its end, with so many requests in between, one at a time. */
async function count(name, { protocol, close }, requests, seed) {
  const log = join(folder, `${name}-${requests}`);
  const prefix = ['valgrind', '--tool=cachegrind', '--cache-sim=no', '--cachegrind-out-file=/dev/null', '--smc-check=all-non-file'];
  // Of one thread, and with the same seeds, the same program takes the same way.
  const execArgv = ['--single-threaded', `--hash-seed=${seed}`, `--random-seed=${seed}`];
  if (name === OTHERS) execArgv.push('--import', others);
  const server = await startOrdinary(name === OTHERS ? PLAIN : name, protocol, { prefix: [...prefix, `--log-file=${log}`], execArgv });
  const { Agent, get } = protocol === 'https' ? https : http;
  const agents = Array.from({ length: close ? 1 : 4 }, () => new Agent({ keepAlive: !close, maxSockets: 1 }));
  for (let i = 0; i < requests; i++) {
    const request = get({ port: server.port, host: '127.0.0.1', agent: agents[i % agents.length], rejectUnauthorized: false });
    const [response] = await once(request, 'response');
    await once(response.resume(), 'end');
  }
  // It writes what it has counted when it ends.
  await server.stop('SIGTERM', 60_000);
  for (const agent of agents) agent.destroy();
  const counted = /I\s+refs:\s+([\d,]+)/.exec(readFileSync(log, 'utf8'));
  if (!counted) throw new Error('has written no count');
  return Number(counted[1].replaceAll(',', ''));
}

async function perRequest(name, each, seed) {
  const [few, many] = COUNTS;
  // Side by side, for valgrind takes its time.
  const [before, after] = await Promise.all(COUNTS.map((requests) => count(name, each, requests, seed)));
  return (after - before) / (many - few);
}

async function countAll() {
  for (const [caseName, each] of COUNTED) {
    const rows = Object.fromEntries([PLAIN, OTHERS, ...WITH_US].map((name) => [name, { instructions: [] }]));
    for (let run = 1; run <= bench.runs; run++) {
      for (const [name, { instructions }] of Object.entries(rows)) instructions.push(await perRequest(name, each, run));
    }
    for (const name of [OTHERS, ...WITH_US]) rows[name].ratio = pairedRatio(rows[name].instructions, rows[PLAIN].instructions).values;
    bench.table(
      caseName.replace(/\W+/g, '-').toLowerCase(),
      caseName,
      { instructions: { label: 'instructions a request', digits: 0 }, ratio: { label: 'against Node as it is', digits: 3 } },
      rows,
    );
  }
}

if (spawnSync('valgrind', ['--version']).status !== 0) bench.note('valgrind', 'is not installed, and nothing can be counted without');
else await countAll().catch(({ message }) => bench.note('valgrind', message));
bench.finish();
