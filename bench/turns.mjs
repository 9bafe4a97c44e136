// By what the caps on a wake-up of the discard loop were chosen: what floods cost, and what everybody else waits beside them, by the caps. Each is an addon of its own.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Bench } from './lib/bench.mjs';
import { runJson } from './lib/children.mjs';
import { compile } from './lib/compile.mjs';
import { cpuSeconds } from './lib/cpu.mjs';
import { OURS } from './lib/rivals.mjs';
import { samplesAt } from './lib/samples.mjs';
import { median } from './lib/statistics.mjs';
import { buildVariant } from './lib/variant.mjs';

const bench = new Bench('turns', { runs: 5 });
const sender = compile('sender');
const getter = compile('getter');
/** The low-water marks of 64 use up their budget: of 1,000 most have none, and every one of them has something to be read at any time. */
const FLOODS = bench.size([64, 1_000], [8]);
const SECONDS = bench.size(3, 0.5);
const STOPS = bench.size(6, 1);
const UNLIMITED = 1e15;
const bytes = (size) => ({ kBytesPerTurn: size });
const connections = (count) => ({ kEventsPerWakeup: count });
const time = (fraction) => ({ kTimePerWakeup: `kMillisecond * ${fraction}` });
const VARIANTS = bench.size(
  {
    'as it is: 2 MiB, 64 connections, 0.5 ms': {},
    '256 KiB': bytes('256 << 10'),
    '1 MiB': bytes('1 << 20'),
    '8 MiB': bytes('8 << 20'),
    '8 connections': connections(8),
    '1,024 connections': connections(1_024),
    '0.1 ms': time('1 / 10'),
    '2 ms': time('2'),
    'no cap but 8 MiB': { ...bytes('8 << 20'), ...connections('1 << 20'), ...time("1'000'000") },
  },
  { '256 KiB': bytes('256 << 10') },
);
const environments = Object.entries(VARIANTS).map(([name, constants], i) => [name, buildVariant(i, constants)]);

const samples = Object.fromEntries(FLOODS.map((floods) => [floods, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const floods of FLOODS) {
    for (const [name, env] of environments) {
      const figures = await measure(floods, env);
      for (const [key, value] of Object.entries(figures)) samplesAt(samples, floods, name, key).push(value);
    }
  }
}

async function measure(floods, env) {
  const server = await bench.start(OURS, { env });
  await runJson(getter, [server.port, 0.5, 500]);
  const before = cpuSeconds(server.pid);
  const flood = runJson(sender, [server.port, floods, UNLIMITED, SECONDS + STOPS * 0.25 + 1.5]);
  // Until all are accepted, and have sent their first MiB.
  await sleep(1_000);
  const { p50, p99, failed } = await runJson(getter, [server.port, SECONDS, 500]);
  if (failed > 0) throw new Error(`${failed} GETs failed`);
  const behind = [];
  for (let i = 0; i < STOPS; i++) behind.push(await behindStop(server));
  const { sent, seconds } = await flood;
  const gigabytes = sent / 1e9;
  const cpu = (cpuSeconds(server.pid) - before) / gigabytes;
  await server.stop();
  return { cpu, speed: gigabytes / seconds, p50: p50 / 1e3, p99: p99 / 1e3, behind: median(behind) };
}

/** All queues are full when a process goes on that stood still: milliseconds until it has answered a new client. */
async function behindStop({ pid, port }) {
  process.kill(pid, 'SIGSTOP');
  await sleep(200);
  const client = connect(port, '127.0.0.1');
  await once(client, 'connect');
  await new Promise((resolve) => client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', resolve));
  const started = performance.now();
  process.kill(pid, 'SIGCONT');
  await once(client, 'data');
  const waited = performance.now() - started;
  client.destroy();
  return waited;
}

const columns = {
  cpu: { label: 'CPU s a GB', digits: 4 },
  speed: { label: 'GB a second taken' },
  p50: { label: 'GETs: p50, ms' },
  p99: { label: 'p99, ms' },
  behind: { label: 'first answer behind a standstill, ms' },
};
for (const floods of FLOODS) bench.table(`${floods}`, `${floods} uploads without end, by the caps on a wake-up`, columns, samples[floods]);
bench.finish();
