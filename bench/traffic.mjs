// What ordinary traffic pays: requests a second of a server with this package, against the same server without. Server
// and wrk have a processor each, so that they do not wait for each other, and only the server's work is measured.
import { spawnSync } from 'node:child_process';
import { runText } from '../lab/children.mjs';
import { cpuSeconds } from '../lab/cpu.mjs';
import { pairedRatio } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';
import { CASES, startOrdinary, WITH_US } from './lib/ordinary.mjs';
import { canPin, on, processors } from './lib/processors.mjs';
import { NODE_AS_IT_IS as PLAIN } from './lib/rivals.mjs';

const bench = new Bench('traffic', { runs: 15 });
const SECONDS = 1;
const CONNECTIONS = bench.size([10, 100], [10]);
/**
 * More rounds where the targets are. Rounds are short, because the load of the machine changes. They are few, because
 * the processes differ more than the rounds.
 */
const roundsOf = (connections) => (connections === CONNECTIONS.at(-1) ? bench.size(3, 1) : 1);
const pinned = canPin && processors.length > 1;
const [forServer, forWrk] = pinned ? processors.map(on) : [[], []];
if (!pinned)
  bench.note('taskset', 'is not installed, or there is a single processor: server and wrk share what there is');

/** Requests a second, and the server's CPU time a request. */
async function wrk({ pid, port }, { protocol, close }, connections) {
  const cpuBefore = cpuSeconds(pid);
  const headers = close ? ['-H', 'Connection: close'] : [];
  const words = [
    ...forWrk,
    'wrk',
    '-t1',
    `-c${connections}`,
    `-d${SECONDS}s`,
    ...headers,
    `${protocol}://127.0.0.1:${port}/`,
  ];
  const text = await runText(words[0], words.slice(1));
  const requests = Number(/(\d+) requests in/.exec(text)[1]);
  return {
    requests,
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(text)[1]),
    cpu: ((cpuSeconds(pid) - cpuBefore) / requests) * 1e6,
  };
}

if (spawnSync('wrk', ['-v']).error) bench.note('wrk', 'is not installed, and nothing can be measured without');
else {
  for (const [caseName, each] of Object.entries(CASES)) {
    const samples = Object.fromEntries(
      CONNECTIONS.map((connections) => [
        connections,
        Object.fromEntries([PLAIN, ...WITH_US].map((name) => [name, { rate: [], cpu: [] }])),
      ]),
    );
    for (let run = 0; run < bench.runs; run++) {
      // New processes for each run, and many runs: two processes of the same server differ by some per cent all their
      // life.
      const servers = {};
      for (const name of [PLAIN, ...WITH_US])
        servers[name] = await startOrdinary(name, each.protocol, { prefix: forServer });
      // Warm-up by requests, not by time: on a busy machine V8 needs long to compile everything. A TLS server is a
      // fifth faster after fifty thousand requests.
      for (const server of Object.values(servers)) {
        for (let i = 0, requests = 0; i < 20 && requests < bench.size(120_000, 1); i++)
          requests += (await wrk(server, each, 20)).requests;
      }
      for (const connections of CONNECTIONS) {
        for (let round = 0; round < roundsOf(connections); round++) {
          // By turns forwards and backwards, so that no server is always the first.
          const order = Object.entries(servers);
          for (const [name, server] of (run + round) % 2 === 0 ? order : order.reverse()) {
            const { rate, cpu } = await wrk(server, each, connections);
            samples[connections][name].rate.push(rate);
            samples[connections][name].cpu.push(cpu);
          }
        }
      }
      for (const { stop } of Object.values(servers)) await stop();
    }
    const most = CONNECTIONS.at(-1);
    const rows = samples[most];
    for (const name of WITH_US) {
      rows[name].ratio = pairedRatio(rows[name].rate, rows[PLAIN].rate).values;
      rows[name].cpuRatio = pairedRatio(rows[name].cpu, rows[PLAIN].cpu).values;
    }
    const columns = {
      rate: { label: 'requests a second', digits: 0 },
      ratio: { label: 'against Node as it is', digits: 3 },
      cpu: { label: 'CPU, microseconds a request', digits: 1 },
      cpuRatio: { label: 'against Node as it is', digits: 3 },
    };
    bench.table(caseName.replace(/\W+/g, '-').toLowerCase(), `${caseName}, ${most} connections`, columns, rows);
    const series = [PLAIN, ...WITH_US].map((name) => [
      name,
      CONNECTIONS.map((connections) => [connections, samples[connections][name].rate]),
    ]);
    bench.curve(
      `growth-${caseName.replace(/\W+/g, '-').toLowerCase()}`,
      `${caseName}: requests a second by connections`,
      { label: 'connections' },
      { label: 'requests a second' },
      Object.fromEntries(series),
    );
    for (const name of WITH_US) {
      bench.target(
        `${caseName}, ${name}: requests a second against Node as it is`,
        pairedRatio(rows[name].rate, rows[PLAIN].rate).median,
        each.limit,
        { atLeast: true },
      );
    }
  }
}
bench.finish();
