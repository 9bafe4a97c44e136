// Small uploads that are rejected early: CPU and time of each, and how many of the clients see their answer.
import { Bench } from './lib/bench.mjs';
import { runJson } from './lib/children.mjs';
import { compile } from './lib/compile.mjs';
import { cpuSeconds } from './lib/cpu.mjs';
import { OURS } from './lib/rivals.mjs';

const bench = new Bench('uploads', { runs: 20 });
const uploader = compile('uploader');
const SAFE_CLOSE = 'lingering-close, safeClose';
const NODE = 'Node as it is';
const NAMES = [OURS, SAFE_CLOSE, NODE, 'socket.resume()', 'nginx', 'Apache', 'squid', 'HAProxy'];
const CLIENTS = 4;
/** Of each size so many in all, in as many batches as there are runs: the servers take turns, so that each batch has one of every rival beside it. */
const UPLOADS = bench.scaled(20_000, 200);
const batch = Math.ceil(UPLOADS / bench.runs);

const columns = {
  cpu: { label: 'CPU, microseconds an upload', digits: 0 },
  wall: { label: 'time, microseconds an upload', digits: 0 },
  answered: { label: 'answers seen, %', digits: 2 },
};
const growth = {};
for (const bytes of bench.size([65_536, 1_048_576], [65_536])) {
  const servers = new Map();
  for (const name of NAMES) {
    const server = await bench.start(name);
    if (!server) continue;
    servers.set(name, server);
    await runJson(uploader, [server.port, bench.size(4_000, 50), CLIENTS, bytes]);
  }
  const samples = Object.fromEntries([...servers.keys()].map((name) => [name, { cpu: [], wall: [], answered: 0 }]));
  for (let run = 0; run < bench.runs; run++) {
    for (const [name, { pid, port }] of servers) {
      const cpuBefore = cpuSeconds(pid);
      const { seconds, answered } = await runJson(uploader, [port, batch, CLIENTS, bytes]);
      await new Promise((resolve) => setTimeout(resolve, 20));
      samples[name].cpu.push(((cpuSeconds(pid) - cpuBefore) / batch) * 1e6);
      samples[name].wall.push((seconds / batch) * 1e6);
      samples[name].answered += (100 * answered) / (batch * bench.runs);
    }
  }
  for (const { stop } of servers.values()) await stop();
  const size = bytes === 65_536 ? '64 KB' : '1 MB';
  bench.table(size === '64 KB' ? 'small' : 'large', `${batch * bench.runs} uploads of ${size}, ${CLIENTS} clients`, columns, samples);
  growth[size] = {};
  for (const [name, { cpu }] of Object.entries(samples)) {
    // The running total: a cost that grows with what has gone before would bend it.
    const total = cpu.map((_, i) => [(i + 1) * batch, [cpu.slice(0, i + 1).reduce((sum, each) => sum + (each * batch) / 1e6, 0)]]);
    growth[size][name] = total;
  }
  const against = (name, limit) =>
    bench.targetRatio(`${size}: CPU an upload against ${name}`, samples[OURS].cpu, samples[name]?.cpu, limit);
  for (const name of [OURS, SAFE_CLOSE])
    bench.target(`${size}: answers seen, %, ${name}`, samples[name].answered, 100, { atLeast: true, digits: 2 });
  if (size === '64 KB') {
    against(NODE, 1.15);
    bench.targetRatio(`${size}: CPU an upload against ${NODE}, by safeClose`, samples[SAFE_CLOSE].cpu, samples[NODE]?.cpu, 1.15);
  } else {
    against('nginx', 1);
    against('socket.resume()', 1);
  }
}
for (const [size, series] of Object.entries(growth)) {
  bench.curve(
    `growth-${size.replace(' ', '').toLowerCase()}`,
    `CPU seconds by uploads of ${size}`,
    { label: 'uploads' },
    { label: 'CPU seconds' },
    series,
  );
}
bench.finish();
