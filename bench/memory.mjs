// The memory of a lingering connection: bytes of the process and of the kernel's buffers, while thousands of peers hold
// their connections and send nothing.

import { startAnswering } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { residentBytes, tcpBufferBytes } from '../lab/cpu.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { median } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';
import { NODE_AS_IT_IS as CONTROL, OURS } from './lib/rivals.mjs';

const bench = new Bench('memory', { runs: 5 });
const holder = compile('holder');
const BARE = 'bare duplicates';
const NAMES = [OURS, BARE, CONTROL, 'socket.resume()', 'nginx'];
const COUNTS = bench.size([1_000, 5_000, 9_000], [200]);
const VISITS = bench.size(9_000, 200);
// A small young generation. V8 doubles it in a burst of requests and shrinks it at any time. Both would be counted as
// memory of the lingering connections, 16 MB at a time.
const SMALL_HEAP = ['--expose-gc', '--max-semi-space-size=1'];

/** Starts a server, and peers that hold their connections, first a hundred. Returns what `use` returns. */
async function withPeers(name, execArgv, use) {
  const server = await bench.start(name, { execArgv });
  if (!server) return undefined;
  const peers = startAnswering(holder, [server.port]);
  const letGo = async () => {
    await peers.ask('close');
    if (name === BARE) await server.ask('release');
    return settled(server);
  };
  try {
    await peers.ask('open 100');
    return await use(server, peers, letGo);
  } finally {
    await peers.stop();
    await server.stop();
  }
}

/** Bytes for each of `count` connections, in a process that has had three bursts of peers, all gone now. */
function measure(name, count) {
  return withPeers(name, SMALL_HEAP, async (server, peers, letGo) => {
    let before = await letGo();
    for (let i = 0; i < 3; i++) {
      await peers.ask(`visit ${VISITS}`);
      before = await letGo();
    }
    const buffersBefore = tcpBufferBytes();
    await peers.ask(`open ${count}`);
    const held = await settled(server);
    const buffers = tcpBufferBytes() - buffersBefore;
    const after = await letGo();
    return {
      resident: (held.resident - before.resident) / count,
      inUse: (held.inUse - before.inUse) / count,
      given: (held.inUse - after.inUse) / count,
      buffers: buffers / count,
    };
  });
}

/** Bytes by which a new process grows in its first burst, with the defaults of V8. */
function measureCold(name, count) {
  return withPeers(name, ['--expose-gc'], async (server, peers, letGo) => {
    const { resident } = await letGo();
    await peers.ask(`open ${count}`);
    return { cold: ((await settled(server)).resident - resident) / count };
  });
}

/** Bytes after garbage collections. */
async function settled(server) {
  for (let i = 0; i < 2; i++) {
    await server.ask?.('collect');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { bytes = Number.NaN, reason } = (await server.ask?.('inUse')) ?? {};
  if (reason) bench.note('bytes allocated', reason);
  return { resident: residentBytes(server.pid), inUse: bytes };
}

const samples = Object.fromEntries(NAMES.map((name) => [name, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const count of COUNTS) {
    for (const name of NAMES) {
      const figures = {
        ...(await measure(name, count)),
        ...(count === COUNTS.at(-1) && (await measureCold(name, count))),
      };
      for (const [key, value] of Object.entries(figures))
        if (!Number.isNaN(value)) samplesAt(samples, name, count, key).push(value);
    }
  }
}
const most = COUNTS.at(-1);
const columns = {
  resident: { label: 'resident bytes of the process', digits: 0 },
  inUse: { label: 'bytes allocated', digits: 0 },
  given: { label: 'given back when they are gone', digits: 0 },
  cold: { label: 'resident, first burst of a new process', digits: 0 },
  buffers: { label: "bytes of the kernel's buffers", digits: 0 },
};
const measured = NAMES.filter((name) => samples[name][most]);
bench.table(
  'memory',
  `${most} lingering connections, a connection`,
  columns,
  Object.fromEntries(measured.map((name) => [name, samples[name][most]])),
);
const points = (name) => COUNTS.map((count) => [count, samples[name][count].resident.map((bytes) => bytes * count)]);
bench.curve(
  'growth',
  'Resident bytes of the process by lingering connections',
  { label: 'lingering connections' },
  { label: 'bytes' },
  Object.fromEntries(measured.map((name) => [name, points(name)])),
);
if (samples[BARE][most]) {
  for (const [key, what] of Object.entries({ resident: 'resident bytes', inUse: 'bytes allocated' })) {
    if (!samples[OURS][most][key]) continue;
    const ours = median(samples[OURS][most][key]);
    bench.target(`${what} a lingering connection`, ours, 2_100, { digits: 0 });
    bench.target(`${what} above a bare duplicate`, ours - median(samples[BARE][most][key]), 1_024, { digits: 0 });
  }
  if (samples[OURS][most].given) {
    // Measured by what is given back. Meanwhile the compiled code of a server grows and shrinks by a hundred kilobytes,
    // which is a third of what a thousand connections weigh. Hash tables double in size, hence the quarter.
    const [few, many] = [COUNTS[0], most].map((count) => median(samples[OURS][count].given));
    bench.target(`bytes given back a connection, ${most} against ${COUNTS[0]}`, many / few, 1.25);
  }
}
bench.finish();
