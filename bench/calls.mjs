// CPU nanoseconds of setLinger, pendingBytes and send: through the public function, as the bare system call in C, and
// in other ways.
import { fileURLToPath } from 'node:url';
import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { Bench } from './lib/bench.mjs';

const bench = new Bench('calls', { runs: 11 });
const TIMES = bench.size(100_000, 5_000);
const script = fileURLToPath(new URL('servers/calls.mjs', import.meta.url));
const inNode = (rival) => (times) => runJson(process.execPath, [script, rival, times]);
const program = compile('calls');
const BARE = 'the system call in C';
const RIVALS = {
  [BARE]: (times) => runJson(program, [times]),
  'lingering-close, descriptor': inNode('fd'),
  'lingering-close, net.Socket': inNode('socket'),
  koffi: inNode('koffi'),
  'net-keepalive (TCP_USER_TIMEOUT)': inNode('net-keepalive'),
  "Node's setNoDelay (TCP_NODELAY)": inNode('setNoDelay'),
};

const samples = Object.fromEntries(Object.keys(RIVALS).map((name) => [name, {}]));
const growth = {};
for (let run = 0; run < bench.runs; run++) {
  for (const [name, measure] of Object.entries(RIVALS)) {
    for (const times of [TIMES / 10, TIMES]) {
      try {
        const figures = await measure(times);
        if (times === TIMES)
          for (const [call, nanoseconds] of Object.entries(figures)) samplesAt(samples, name, call).push(nanoseconds);
        samplesAt(growth, name, times).push((figures.setLinger * times) / 1e6);
      } catch (error) {
        bench.note(name, error.message.split('\n', 1)[0]);
      }
    }
  }
}
const CALLS = ['setLinger', 'pendingBytes', 'send'];
const columns = Object.fromEntries(CALLS.map((call) => [call, { label: `${call}, ns`, digits: 0 }]));
bench.table(
  'calls',
  `Nanoseconds of CPU a call, ${TIMES} calls`,
  columns,
  Object.fromEntries(Object.entries(samples).filter(([, cells]) => cells.setLinger)),
);
const series = Object.entries(growth).map(([name, by]) => [
  name,
  Object.entries(by).map(([times, values]) => [Number(times), values]),
]);
bench.curve(
  'growth',
  'Milliseconds by calls of setLinger',
  { label: 'calls', log: true },
  { label: 'milliseconds', log: true },
  Object.fromEntries(series),
);
for (const call of CALLS) {
  bench.targetRatio(
    `${call} on a descriptor against the system call`,
    samples['lingering-close, descriptor'][call],
    samples[BARE][call],
    1.35,
  );
  bench.targetRatio(
    `${call} on a net.Socket against the system call`,
    samples['lingering-close, net.Socket'][call],
    samples[BARE][call],
    1.45,
  );
}
bench.finish();
