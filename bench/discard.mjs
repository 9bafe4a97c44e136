// What a server pays for discarding an upload, after an early 413 that the sender ignores: CPU seconds a GB, of all its
// processes.

import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { cpuSeconds, tcpBufferBytes } from '../lab/cpu.mjs';
import { Bench } from './lib/bench.mjs';
import { countDeferredFreesAnew } from './lib/deferred-frees.mjs';
import { NODE_AS_IT_IS, OURS } from './lib/rivals.mjs';

const GB = 1e9;
const bench = new Bench('discard', { runs: 5 });
const sender = compile('sender');
const uploader = compile('uploader');
// The target was set by this one of the two loops with a mark.
const BARE = 'C loop, MSG_TRUNC, 1 MiB mark';
const NAMES = [
  OURS,
  'C loop, MSG_TRUNC, 2 MiB mark',
  BARE,
  'C loop, MSG_TRUNC',
  'C loop, 4 KiB reads',
  'socket.resume()',
  'nginx',
  'Apache',
  NODE_AS_IT_IS,
  'squid',
  'HAProxy',
];

const one = bench.scaled(8, 0.1) * GB;
const many = bench.scaled(64, 1) * GB;
const CASES = [
  { senders: 1, bytes: one / 10 },
  { senders: 1, bytes: one },
  { senders: 64, bytes: many / 10 },
  { senders: 64, bytes: many },
];

/** One upload, or several at once, of `bytes` together. */
async function measure(server, { senders, bytes }) {
  await countDeferredFreesAnew(bench);
  const cpuBefore = cpuSeconds(server.pid);
  const buffersBefore = tcpBufferBytes();
  let buffers = 0;
  const watch = setInterval(() => {
    buffers = Math.max(buffers, tcpBufferBytes() - buffersBefore);
  }, 10);
  const { sent, seconds, broken } = await runJson(sender, [server.port, senders, Math.floor(bytes / senders), 0]);
  clearInterval(watch);
  // The sender is done at our EOF. The server still has to close.
  await new Promise((resolve) => setTimeout(resolve, 50));
  return {
    cpu: (cpuSeconds(server.pid) - cpuBefore) / (sent / GB),
    speed: sent / GB / seconds,
    buffers: buffers / senders / 1e6,
    sent,
    broken,
  };
}

const samples = CASES.map(() => Object.fromEntries(NAMES.map((name) => [name, { cpu: [], speed: [], buffers: [] }])));
for (let run = 0; run < bench.runs; run++) {
  for (const name of NAMES) {
    const server = await bench.start(name);
    if (!server) continue;
    // Warm the server up first.
    await runJson(uploader, [server.port, bench.size(3_000, 100), 4, 65_536]);
    for (const [i, each] of CASES.entries()) {
      const { broken, sent, ...figures } = await measure(server, each);
      if (broken > 0) {
        bench.note(name, `breaks the connection: a sender got ${(sent / each.senders / 1e6).toFixed(1)} MB through`);
        break;
      }
      for (const [key, value] of Object.entries(figures)) samples[i][name][key][run] = value;
    }
    await server.stop();
  }
}

const columns = {
  cpu: { label: 'CPU s a GB', digits: 4 },
  speed: { label: 'GB a second', digits: 2 },
  buffers: { label: 'kernel buffers, MB a connection, both ends', digits: 2 },
};
const measured = (i) => Object.fromEntries(Object.entries(samples[i]).filter(([, { cpu }]) => cpu.length > 0));
bench.table('one', `One sender, ${one / GB} GB behind an early 413`, columns, measured(1));
bench.table('many', `64 senders at once, ${many / GB} GB in all`, columns, measured(3));
for (const [i, id, title] of [
  [0, 'growth-one', 'One sender'],
  [2, 'growth-many', '64 senders'],
]) {
  const series = Object.keys(measured(i)).map((name) => [
    name,
    [i, i + 1].map((at) => [CASES[at].bytes / GB, samples[at][name].cpu.map((cpu) => (cpu * CASES[at].bytes) / GB)]),
  ]);
  bench.curve(
    id,
    `${title}: CPU seconds by bytes sent`,
    { label: 'GB sent', log: true },
    { label: 'CPU seconds', log: true },
    Object.fromEntries(series),
  );
}
for (const [i, senders] of [
  [1, 'one sender'],
  [3, '64 senders'],
]) {
  const ours = samples[i][OURS].cpu;
  const against = (name, limit, label = name) =>
    bench.targetRatio(`CPU a GB against ${label}, ${senders}`, ours, samples[i][name].cpu, limit);
  against('nginx', 1 / 20);
  against('Apache', 1 / 10);
  against('socket.resume()', 1 / 15);
  against(BARE, 1.5, 'the bare C loop with MSG_TRUNC and a mark of 1 MiB');
}
bench.finish();
