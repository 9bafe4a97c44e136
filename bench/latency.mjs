// How long a close takes: safeClose until its report, and end() until 'close'. The peer closes when it has read all.
import { fileURLToPath } from 'node:url';
import { runJson } from '../lab/children.mjs';
import { median, quantile } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';

const bench = new Bench('latency', { runs: 5 });
const script = fileURLToPath(new URL('servers/latency.mjs', import.meta.url));
const CLOSES = bench.size(1_000, 50);
const SIZES = bench.size([1_000, 10_000, 100_000, 1_000_000], [1_000]);
const WAYS = { safeClose: 'safeClose, to its report', end: "end(), to 'close'" };

const samples = {};
for (const bytes of SIZES) {
  samples[bytes] = Object.fromEntries(Object.values(WAYS).map((name) => [name, { median: [], p99: [] }]));
  for (let run = 0; run < bench.runs; run++) {
    const times = await runJson(process.execPath, [script, CLOSES, bytes]);
    for (const [way, name] of Object.entries(WAYS)) {
      const sorted = times[way].sort((a, b) => a - b);
      samples[bytes][name].median.push(quantile(sorted, 0.5));
      samples[bytes][name].p99.push(quantile(sorted, 0.99));
    }
  }
}
const columns = { median: { label: 'median, ms', digits: 3 }, p99: { label: 'p99, ms', digits: 2 } };
bench.table('latency', `A close behind 1 KB, ${CLOSES} a run`, columns, samples[SIZES[0]]);
const series = Object.values(WAYS).map((name) => [name, SIZES.map((bytes) => [bytes, samples[bytes][name].median])]);
bench.curve(
  'growth',
  'Milliseconds of a close by bytes written before it',
  { label: 'bytes', log: true },
  { label: 'ms', log: true },
  Object.fromEntries(series),
);
const { [WAYS.safeClose]: ours, [WAYS.end]: theirs } = samples[SIZES[0]];
bench.target(
  "median of safeClose above end() and 'close', ms",
  median(ours.median.map((value, i) => value - theirs.median[i])),
  0.2,
);
bench.finish();
