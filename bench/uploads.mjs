// Small uploads that the server rejects early: CPU and time of each, and how many clients see their answer.

import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { cpuSeconds, pageFaults } from '../lab/cpu.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { Bench } from './lib/bench.mjs';
import { WITH_MODULES } from './lib/modules.mjs';
import { NODE_AS_IT_IS as NODE, OURS } from './lib/rivals.mjs';

const bench = new Bench('uploads', { runs: 16 });
const uploader = compile('uploader');
const SAFE_CLOSE = 'lingering-close, safeClose';
const NAMES = [OURS, SAFE_CLOSE, NODE, WITH_MODULES, 'socket.resume()', 'nginx', 'Apache', 'squid', 'HAProxy'];
/** Measured more often at 64 KB: they differ by a few per cent, and two processes of the same server by a fifth. */
const CLOSE_TOGETHER = [OURS, SAFE_CLOSE, NODE, WITH_MODULES];
const CLIENTS = 4;
/** At least that many uploads of each size, in as many batches as there are runs. */
const UPLOADS = bench.scaled(20_000, 200);
const batch = Math.ceil(UPLOADS / bench.runs);

const columns = {
  cpu: { label: 'CPU, microseconds an upload', digits: 0 },
  wall: { label: 'time, microseconds an upload', digits: 0 },
  answered: { label: 'answers seen, %', digits: 2 },
  faults: { label: 'page faults an upload', digits: 1 },
};
const growth = {};

/** Microseconds and page faults of an upload, and how many clients saw their answer. */
async function measure({ pid, port }, uploads, bytes) {
  const [cpuBefore, faultsBefore] = [cpuSeconds(pid), pageFaults(pid)];
  const { seconds, answered } = await runJson(uploader, [port, uploads, CLIENTS, bytes]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    cpu: ((cpuSeconds(pid) - cpuBefore) / uploads) * 1e6,
    wall: (seconds / uploads) * 1e6,
    answered,
    faults: (pageFaults(pid) - faultsBefore) / uploads,
  };
}

/** Starts a server and warms it up: in the first ten thousand requests V8 still compiles and sizes its heap. */
async function startWarm(name, bytes) {
  const server = await bench.start(name);
  if (!server) return undefined;
  await runJson(uploader, [server.port, bench.size(20_000, 50), CLIENTS, 65_536]);
  await runJson(uploader, [server.port, bench.size(300, 10), CLIENTS, bytes]);
  return server;
}

for (const bytes of bench.size([65_536, 1_048_576], [65_536])) {
  const samples = {};
  /** CPU seconds of smaller batches and of the whole batch, for the curve. */
  const curve = {};
  // New processes for each run: two processes of the same server differ by a fifth all their life.
  for (let run = 0; run < bench.runs; run++) {
    for (const name of bytes === 65_536 ? [...CLOSE_TOGETHER, ...NAMES, ...CLOSE_TOGETHER] : NAMES) {
      const server = await startWarm(name, bytes);
      if (!server) continue;
      for (const uploads of [0.1, 0.25, 0.5, 1].map((share) => Math.ceil(batch * share))) {
        const figures = await measure(server, uploads, bytes);
        samplesAt(curve, name, uploads).push((figures.cpu * uploads) / 1e6);
        if (uploads !== batch) continue;
        samplesAt(samples, name, 'cpu').push(figures.cpu);
        samplesAt(samples, name, 'wall').push(figures.wall);
        samplesAt(samples, name, 'answered').push((100 * figures.answered) / batch);
        samplesAt(samples, name, 'faults').push(figures.faults);
      }
      await server.stop();
    }
  }
  const size = bytes === 65_536 ? '64 KB' : '1 MB';
  bench.table(
    size === '64 KB' ? 'small' : 'large',
    `${batch * bench.runs} uploads of ${size}, ${CLIENTS} clients`,
    columns,
    samples,
  );
  growth[size] = Object.fromEntries(
    Object.entries(curve).map(([name, by]) => [
      name,
      Object.entries(by).map(([uploads, values]) => [Number(uploads), values]),
    ]),
  );
  const against = (name, limit) =>
    bench.targetRatio(`${size}: CPU an upload against ${name}`, samples[OURS].cpu, samples[name]?.cpu, limit);
  for (const name of [OURS, SAFE_CLOSE])
    bench.target(`${size}: answers seen, %, ${name}`, Math.min(...samples[name].answered), 100, {
      atLeast: true,
      digits: 2,
    });
  if (size === '64 KB') {
    against(NODE, 1.15);
    for (const other of [NODE, WITH_MODULES])
      bench.targetRatio(
        `${size}: CPU an upload against ${other}, by safeClose`,
        samples[SAFE_CLOSE].cpu,
        samples[other]?.cpu,
        1.25,
      );
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
