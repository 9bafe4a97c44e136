// What the order of eviction costs at 20,000 lingering connections: bytes for each, and microseconds for one more that
// evicts another.
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { rolldown } from 'rolldown';
import { samplesAt } from '../lab/samples.mjs';
import { median } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';

const bench = new Bench('eviction', { runs: 7 });
const LINGERING = bench.size(20_000, 200);
const EVICTIONS = bench.size(100_000, 1_000);
const ADDRESSES = {
  'one address': () => 7,
  '200 addresses': (i) => i % 200,
  'an address each': (i) => Math.imul(i, 2_654_435_761),
};

const bundle = await rolldown({ input: fileURLToPath(new URL('../src/close/heaviest-first.ts', import.meta.url)) });
const { output } = await bundle.generate({ format: 'esm' });
const { HeaviestFirst } = await import(`data:text/javascript,${encodeURIComponent(output[0].code)}`);

/** Links that a member without its set would not have: two fields of 8 bytes. */
const LINKS = 16;
const member = (key) => ({ key, older: undefined, newer: undefined });

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

function heap() {
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

function measure(keyOf) {
  const members = Array.from({ length: LINGERING }, (_, i) => member(keyOf(i)));
  const more = Array.from({ length: EVICTIONS }, (_, i) => member(keyOf(LINGERING + i)));
  const before = heap();
  const set = new HeaviestFirst();
  for (const each of members) set.add(each);
  const bytes = LINKS + (heap() - before) / LINGERING;
  const start = performance.now();
  for (const each of more) {
    set.add(each);
    set.delete(set.next);
  }
  return { bytes, microseconds: ((performance.now() - start) * 1_000) / EVICTIONS };
}

const samples = {};
for (let run = 0; run < bench.runs; run++) {
  for (const [name, keyOf] of Object.entries(ADDRESSES))
    for (const [key, figure] of Object.entries(measure(keyOf))) samplesAt(samples, name, key).push(figure);
}
const columns = {
  microseconds: { label: 'microseconds an eviction', digits: 2 },
  bytes: { label: 'bytes a lingering connection', digits: 1 },
};
bench.table('eviction', `${LINGERING} lingering connections of`, columns, samples);
for (const [name, { microseconds, bytes }] of Object.entries(samples)) {
  bench.target(`eviction, ${name}: microseconds`, median(microseconds), 2);
  bench.target(`eviction, ${name}: bytes a lingering connection`, median(bytes), 64, { digits: 1 });
}
bench.finish();
