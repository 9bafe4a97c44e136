// What the order of eviction costs at 20,000 lingering connections: bytes for each, and microseconds for one more that
// evicts another. It prints its figures, and is no part of docs/benchmarks.md. node --expose-gc bench/eviction.mjs
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const LINGERING = 20_000;
const EVICTIONS = 100_000;
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

function heap() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

for (const [name, keyOf] of Object.entries(ADDRESSES)) {
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
  const microseconds = ((performance.now() - start) * 1_000) / EVICTIONS;
  console.log(`${name}: ${bytes.toFixed(1)} bytes, ${microseconds.toFixed(2)} microseconds`);
}
