// What good neighbours notice: the latency of small GETs, while hostile uploads of unlimited size load the same server,
// and come again when they are cut off.

import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { Bench } from './lib/bench.mjs';
import { NODE_AS_IT_IS as NODE, OURS } from './lib/rivals.mjs';

const bench = new Bench('neighbours', { runs: 5 });
const sender = compile('sender');
const getter = compile('getter');
const NAMES = [OURS, NODE, 'socket.resume()', 'nginx', 'Apache'];
const HOSTILE = bench.size([0, 3, 32], [2]);
const SECONDS = bench.size(4, 1);
const UNLIMITED = 1e15;

const samples = Object.fromEntries(NAMES.map((name) => [name, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const hostile of HOSTILE) {
    for (const name of NAMES) {
      const server = await bench.start(name);
      if (!server) continue;
      await runJson(getter, [server.port, 0.5, 500]);
      const attack = hostile > 0 && runJson(sender, [server.port, hostile, UNLIMITED, SECONDS + 0.5]);
      await new Promise((resolve) => setTimeout(resolve, 250));
      await server.ask?.('watch');
      const { p50, p99, p999, failed } = await runJson(getter, [server.port, SECONDS, 500]);
      const delay = await server.ask?.('delay');
      const { sent, seconds, connections } = (await attack) || {};
      if (failed > 0) bench.note(`${name}, ${hostile} uploads`, `${failed} GETs failed`);
      const add = (key, value) => samplesAt(samples, name, hostile, key).push(value);
      add('p50', p50 / 1e3);
      add('p99', p99 / 1e3);
      add('p999', p999 / 1e3);
      if (delay) add('delay', delay.p99);
      if (attack) {
        add('speed', sent / seconds / 1e9);
        add('uploads', connections / seconds);
      }
      await server.stop();
    }
  }
}
const columns = {
  p50: { label: 'p50, ms' },
  p99: { label: 'p99, ms' },
  p999: { label: 'p99.9, ms' },
  delay: { label: 'event-loop delay p99, ms' },
  speed: { label: 'GB a second taken' },
  uploads: { label: 'uploads a second', digits: 0 },
};
const most = HOSTILE.at(-1);
const measured = NAMES.filter((name) => samples[name][most]);
bench.table(
  'neighbours',
  `Small GETs beside ${most} hostile uploads`,
  columns,
  Object.fromEntries(measured.map((name) => [name, samples[name][most]])),
);
const series = measured.map((name) => [name, HOSTILE.map((hostile) => [hostile, samples[name][hostile].p99])]);
bench.curve(
  'growth',
  'p99 latency of small GETs by hostile uploads',
  { label: 'hostile uploads' },
  { label: 'ms' },
  Object.fromEntries(series),
);
bench.targetRatio(`p99 against ${NODE}, ${most} hostile uploads`, samples[OURS][most].p99, samples[NODE][most].p99, 1);
bench.targetRatio(
  `p99 against socket.resume(), ${most} hostile uploads`,
  samples[OURS][most].p99,
  samples['socket.resume()'][most].p99,
  1,
);
bench.finish();
