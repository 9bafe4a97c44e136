// What connections cost while they only linger: CPU of the process, with silent peers, and with peers that drip a byte
// a second.

import { startAnswering } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { cpuSeconds } from '../lab/cpu.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { median } from '../lab/statistics.mjs';
import { Bench } from './lib/bench.mjs';
import { OURS } from './lib/rivals.mjs';

const bench = new Bench('idle', { runs: 3 });
const holder = compile('holder');
const NAMES = [OURS, 'socket.resume()', 'nginx'];
const COUNTS = bench.size([900, 9_000], [100]);
const SECONDS = bench.size(8, 1);

/** Per cent of a core while `work` runs. */
async function share({ pid }, work) {
  const cpuBefore = cpuSeconds(pid);
  const startedAt = performance.now();
  await work();
  return (100 * (cpuSeconds(pid) - cpuBefore)) / ((performance.now() - startedAt) / 1_000);
}

const samples = Object.fromEntries(NAMES.map((name) => [name, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const count of COUNTS) {
    for (const name of NAMES) {
      const server = await bench.start(name);
      if (!server) continue;
      const peers = startAnswering(holder, [server.port]);
      await peers.ask(`open ${count}`);
      // Wait until V8 has tidied the heap up after that many requests. That time is not measured.
      await new Promise((resolve) => setTimeout(resolve, bench.size(3_000, 100)));
      samplesAt(samples, name, count, 'silent').push(
        await share(server, () => new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000))),
      );
      samplesAt(samples, name, count, 'drip').push(
        await share(server, async () => {
          const { failed } = await peers.ask(`drip ${SECONDS}`);
          if (failed > 0) bench.note(name, `broke ${failed} of the dripping connections`);
        }),
      );
      await peers.stop();
      await server.stop();
    }
  }
}
const most = COUNTS.at(-1);
const columns = {
  silent: { label: 'no peer sends, % of a core', digits: 3 },
  drip: { label: 'each drips 1 byte a second, % of a core', digits: 2 },
};
const measured = NAMES.filter((name) => samples[name][most]);
bench.table(
  'idle',
  `${most} lingering connections`,
  columns,
  Object.fromEntries(measured.map((name) => [name, samples[name][most]])),
);
const series = measured.map((name) => [name, COUNTS.map((count) => [count, samples[name][count].drip])]);
bench.curve(
  'growth',
  '% of a core by dripping connections',
  { label: 'dripping connections', log: true },
  { label: '% of a core', log: true },
  Object.fromEntries(series),
);
bench.target(`% of a core, ${most} silent connections`, median(samples[OURS][most].silent), 0.5);
bench.target(`% of a core, ${most} connections that drip`, median(samples[OURS][most].drip), 5);
bench.finish();
