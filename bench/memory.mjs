// What a lingering connection weighs: bytes of the process, and of the kernel's buffers, while thousands of peers hold on and say nothing.
import { Bench } from './lib/bench.mjs';
import { runJson, startAnswering } from './lib/children.mjs';
import { compile } from './lib/compile.mjs';
import { residentBytes, tcpBufferBytes } from './lib/cpu.mjs';
import { OURS } from './lib/rivals.mjs';
import { samplesAt } from './lib/samples.mjs';
import { median } from './lib/statistics.mjs';

const bench = new Bench('memory', { runs: 3 });
const holder = compile('holder');
const uploader = compile('uploader');
const BARE = 'bare duplicates';
const NAMES = [OURS, BARE, 'socket.resume()', 'nginx'];
const COUNTS = bench.size([1_000, 5_000, 9_000], [200]);

/**
 * `first`: what the process has grown by when so many linger for the first time, heap of the requests included. `warm`: the difference between so many and none
 * once it has been so far before.
 */
async function measure(name, count) {
  const server = await bench.start(name, { execArgv: ['--expose-gc', '--max-semi-space-size=16'] });
  if (!server) return undefined;
  const peers = startAnswering(holder, [server.port]);
  const hold = async () => {
    await peers.ask(`open ${count}`);
    return settled(server);
  };
  const letGo = async () => {
    await peers.ask('close');
    if (name === BARE) await server.ask('release');
    return settled(server);
  };
  // Warm, as a server is that has been up for a while: its heap has the size by then that traffic gives it.
  // Uploads over the limit of 1 KB that the other servers have.
  await runJson(uploader, [server.port, bench.size(5_000, 100), 4, 2_000]);
  await peers.ask('open 100');
  const atStart = await letGo();
  const buffersBefore = tcpBufferBytes();
  const first = await hold();
  const buffers = tcpBufferBytes() - buffersBefore;
  await letGo();
  const again = await hold();
  const without = await letGo();
  await peers.stop();
  await server.stop();
  return { first: (first - atStart) / count, again: (again - atStart) / count, warm: (again - without) / count, buffers: buffers / count };
}

/** Resident bytes, when garbage has been collected. */
async function settled(server) {
  for (let i = 0; i < 2; i++) {
    await server.ask?.('collect');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return residentBytes(server.pid);
}

const samples = Object.fromEntries(NAMES.map((name) => [name, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const count of COUNTS) {
    for (const name of NAMES) {
      const figures = await measure(name, count);
      for (const [key, value] of Object.entries(figures ?? {})) samplesAt(samples, name, count, key).push(value);
    }
  }
}
const most = COUNTS.at(-1);
const columns = {
  again: { label: 'bytes of the process', digits: 0 },
  first: { label: 'of these the first time', digits: 0 },
  warm: { label: 'given back when they are gone', digits: 0 },
  buffers: { label: "bytes of the kernel's buffers", digits: 0 },
};
const measured = NAMES.filter((name) => samples[name][most]);
bench.table(
  'memory',
  `${most} lingering connections, a connection`,
  columns,
  Object.fromEntries(measured.map((name) => [name, samples[name][most]])),
);
const points = (name) => COUNTS.map((count) => [count, samples[name][count].again.map((bytes) => bytes * count)]);
bench.curve(
  'growth',
  'Bytes of the process by lingering connections',
  { label: 'lingering connections' },
  { label: 'bytes' },
  Object.fromEntries(measured.map((name) => [name, points(name)])),
);
if (samples[BARE][most]) {
  const ours = median(samples[OURS][most].again);
  bench.target('bytes of the process a lingering connection', ours, 2_100, { digits: 0 });
  bench.target('of these above a bare duplicate', ours - median(samples[BARE][most].again), 1_024, { digits: 0 });
  bench.target(`bytes a connection, ${most} against ${COUNTS[0]}`, ours / median(samples[OURS][COUNTS[0]].again), 1.05);
}
bench.finish();
