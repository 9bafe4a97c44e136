// Checks the figures of docs/capacity.md: how many connections linger under the default limits, what they hold, and
// what limits them.

import { runJson, startAnswering } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { residentBytes, tcpBufferBytes } from '../lab/cpu.mjs';
import { Bench } from './lib/bench.mjs';
import { OURS } from './lib/rivals.mjs';
import { startNodeServer } from './lib/servers.mjs';

const bench = new Bench('capacity', { runs: 1 });
const [holder, sender] = [compile('holder'), compile('sender')];
const short = bench.quick;
const rows = {};
const columns = {
  expected: { label: 'expected to linger', digits: 0 },
  active: { label: 'lingered at most', digits: 0 },
  evictions: { label: 'evicted', digits: 0 },
  descriptors: { label: 'descriptors at most', digits: 0 },
  memory: { label: 'process, MB more', digits: 1 },
  buffers: { label: "kernel's buffers, MB, both ends", digits: 1 },
};

/** Watches the server while `work` runs. */
async function watch(name, options, expected, work) {
  const server = await startNodeServer('upload', ['lingerOnClose', JSON.stringify(options)]);
  const [memoryBefore, buffersBefore] = [residentBytes(server.pid), tcpBufferBytes()];
  const most = { active: 0, descriptors: 0, memory: 0, buffers: 0 };
  let over = false;
  const looking = (async () => {
    let figures;
    while (!over) {
      figures = await server.ask('lingering');
      figures.memory = (residentBytes(server.pid) - memoryBefore) / 1e6;
      figures.buffers = (tcpBufferBytes() - buffersBefore) / 1e6;
      for (const key of Object.keys(most)) most[key] = Math.max(most[key], figures[key]);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return figures;
  })();
  await work(server.port);
  over = true;
  const { evictions } = await looking;
  rows[name] = { expected, ...most, evictions };
  await server.stop();
}

/** `rate` connections a second arrive for that many seconds. */
const arrivals = (rate, seconds, drips) => async (port) => {
  const peers = startAnswering(holder, drips ? [port, 'drips'] : [port]);
  await peers.ask(`arrive ${rate} ${seconds}`);
  await peers.stop();
};
const flood = (senders, seconds) => (port) => runJson(sender, [port, senders, 1e15, seconds]);

// The options travel as JSON, which has no Infinity.
const fiveSeconds = { idleTimeout: 5_000 };
const unlimited = { maxLingering: Number.MAX_SAFE_INTEGER };
await watch('silent peers, 100 a second, x 5 s', fiveSeconds, short ? 100 : 500, arrivals(100, short ? 1 : 12));
if (!short) {
  await watch('silent peers, 300 a second, x 5 s', fiveSeconds, 1_000, arrivals(300, 12));
  await watch('the same without maxLingering', { ...unlimited, ...fiveSeconds }, 1_500, arrivals(300, 12));
  await watch('peers that drip, 20 a second, x 30 s', {}, 600, arrivals(20, 40, true));
  await watch('64 that flood', {}, 64, flood(64, 5));
  await watch('500 that flood', {}, 500, flood(500, 5));
  await watch(
    '9,000 silent peers at once',
    { ...unlimited, idleTimeout: 60_000, timeout: 60_000 },
    9_000,
    async (port) => {
      const peers = startAnswering(holder, [port]);
      await peers.ask('open 9000');
      await new Promise((resolve) => setTimeout(resolve, 500));
      await peers.stop();
    },
  );
}
bench.table('capacity', `${OURS}, limits by default unless said otherwise`, columns, rows);
if (!short) {
  for (const name of [
    'silent peers, 100 a second, x 5 s',
    'the same without maxLingering',
    'peers that drip, 20 a second, x 30 s',
  ]) {
    bench.target(`${name}: lingered, against rate times seconds`, rows[name].active / rows[name].expected, 1.1, {
      digits: 2,
    });
  }
  bench.target(
    'silent peers, 300 a second: lingered at most, with maxLingering 1,000',
    rows['silent peers, 300 a second, x 5 s'].active,
    1_000,
    { digits: 0 },
  );
}
bench.finish();
