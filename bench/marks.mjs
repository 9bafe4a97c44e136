// Why the receive low-water marks have their sizes: CPU seconds a GB of the bare loop, and the kernel's memory, by
// mark.

import { runJson, startServer } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { cpuSeconds, tcpBufferBytes } from '../lab/cpu.mjs';
import { Bench } from './lib/bench.mjs';
import { countDeferredFreesAnew } from './lib/deferred-frees.mjs';

const KIB = 1024;
const bench = new Bench('marks', { runs: 11 });
const [sender, discard] = [compile('sender'), compile('discard')];
const MARKS = [0, 64, 128, 256, 512, 1024, 2048, 4096, 8192].map((mark) => mark * KIB);
const CASES = [
  { senders: 1, bytes: bench.size(1e9, 5e7) },
  { senders: 64, bytes: bench.size(2e9, 5e7) },
];
const nameOf = (mark) => (mark === 0 ? 'none' : mark < KIB * KIB ? `${mark / KIB} KiB` : `${mark / KIB / KIB} MiB`);

const samples = CASES.map(() => Object.fromEntries(MARKS.map((mark) => [mark, { cpu: [], buffers: [] }])));
for (let run = 0; run < bench.runs; run++) {
  for (const mark of MARKS) {
    const server = await startServer([discard, 0, mark]);
    for (const [i, { senders, bytes }] of CASES.entries()) {
      await countDeferredFreesAnew(bench);
      const cpuBefore = cpuSeconds(server.pid);
      const buffersBefore = tcpBufferBytes();
      let buffers = 0;
      const watch = setInterval(() => {
        buffers = Math.max(buffers, tcpBufferBytes() - buffersBefore);
      }, 5);
      const { sent } = await runJson(sender, [server.port, senders, Math.floor(bytes / senders), 0]);
      clearInterval(watch);
      await new Promise((resolve) => setTimeout(resolve, 20));
      samples[i][mark].cpu.push((cpuSeconds(server.pid) - cpuBefore) / (sent / 1e9));
      samples[i][mark].buffers.push(buffers / senders / 1e6);
    }
    await server.stop();
  }
}
const columns = {
  cpu: { label: 'CPU s a GB', digits: 4 },
  buffers: { label: 'kernel buffers, MB a connection, both ends' },
};
const rows = (i) => Object.fromEntries(MARKS.map((mark) => [nameOf(mark), samples[i][mark]]));
bench.table('one', 'One sender, by the mark', columns, rows(0));
bench.table('many', '64 senders at once, by the mark', columns, rows(1));
const points = (i) => MARKS.slice(1).map((mark) => [mark / KIB, samples[i][mark].cpu]);
bench.curve(
  'marks',
  'CPU seconds a GB by low-water mark',
  { label: 'KiB', log: true },
  { label: 'CPU s a GB' },
  { 'one sender': points(0), '64 senders': points(1) },
);
bench.finish();
