// Why the caps on a wake-up of the discard loop have their values: the cost of floods, and the delay of other clients,
// by caps. Each set of caps is an addon of its own.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { cpuSeconds, loopbackBytes, tcpBufferBytes } from '../lab/cpu.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { Bench } from './lib/bench.mjs';
import { countDeferredFreesAnew } from './lib/deferred-frees.mjs';
import { OURS, startRival } from './lib/rivals.mjs';
import { buildVariant } from './lib/variant.mjs';

const bench = new Bench('turns', { runs: 4 });
const sender = compile('sender');
const getter = compile('getter');
/** The budget of the low-water marks is enough for 64 connections. Of 1,000 most have no mark. */
const FLOODS = bench.size([64, 1_000], [8]);
const SECONDS = bench.size(3, 0.5);
const STANDSTILLS = bench.size(4, 1);
const UNLIMITED = 1e15;
const MIB = 1 << 20;

const bytes = (size) => ({ kBytesPerTurn: size });
const connections = (count) => ({ kEventsPerWakeup: count });
const time = (factor) => ({ kTimePerWakeup: `kMillisecond * ${factor}` });
const VARIANTS = bench.size(
  {
    'as it is: 4 MiB, 64 connections, 0.5 ms': {},
    '256 KiB': bytes('256 << 10'),
    '1 MiB': bytes('1 << 20'),
    '2 MiB': bytes('2 << 20'),
    '16 MiB': bytes('16 << 20'),
    '8 connections': connections('8'),
    '1,024 connections': connections('1024'),
    '0.1 ms': time('1 / 10'),
    '2 ms': time('2'),
    'no cap but 16 MiB': { ...bytes('16 << 20'), ...connections('1 << 20'), ...time('1000000') },
  },
  { '256 KiB': bytes('256 << 10') },
);
const environments = Object.entries(VARIANTS).map(([name, constants], i) => [name, buildVariant(i, constants)]);

const samples = Object.fromEntries(FLOODS.map((floods) => [floods, {}]));
for (let run = 0; run < bench.runs; run++) {
  for (const floods of FLOODS) {
    for (const [name, env] of environments) {
      const figures = await measure(name, floods, env);
      for (const [key, value] of Object.entries(figures)) samplesAt(samples, floods, name, key).push(value);
    }
  }
}

async function measure(name, floods, env) {
  await countDeferredFreesAnew(bench);
  const server = await startRival(OURS, { env });
  await runJson(getter, [server.port, 0.5, 500]);
  const received = loopbackBytes();
  // The floods go on until the server ends.
  const flood = runJson(sender, [server.port, floods, UNLIMITED, 600]);
  do await sleep(50);
  while ((await server.ask('lingering')).active < floods || loopbackBytes() - received < 2 * floods * MIB);

  const [cpuBefore, bytesBefore] = [cpuSeconds(server.pid), loopbackBytes()];
  const { p50, p99, failed } = await runJson(getter, [server.port, SECONDS, 500]);
  const gigabytes = (loopbackBytes() - bytesBefore) / 1e9;
  const cpu = (cpuSeconds(server.pid) - cpuBefore) / gigabytes;
  if (failed > 0) bench.note(`${name}, ${floods} uploads`, `${failed} GETs failed`);

  const standstills = [];
  for (let i = 0; i < STANDSTILLS; i++) {
    await sleep(300);
    standstills.push(await standStill(server));
  }
  await server.stop();
  await flood;
  return {
    cpu,
    speed: gigabytes / SECONDS,
    p50: p50 / 1e3,
    p99: p99 / 1e3,
    answer: average(standstills.map(({ waited }) => waited)),
    parked: average(standstills.map(({ parked }) => parked)) / floods,
  };
}

/**
 * Stops a process until the queues are full, and lets it go on. `waited`: milliseconds until it has then answered a new
 * client. `parked`: MB in the kernel's buffers when it goes on.
 */
async function standStill({ pid, port }) {
  process.kill(pid, 'SIGSTOP');
  try {
    await sleep(200);
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    await new Promise((resolve) => client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', resolve));
    const parked = tcpBufferBytes() / 1e6;
    const answered = once(client, 'data', { signal: AbortSignal.timeout(30_000) });
    const started = performance.now();
    process.kill(pid, 'SIGCONT');
    await answered;
    const waited = performance.now() - started;
    client.destroy();
    return { waited, parked };
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const columns = {
  cpu: { label: 'CPU s a GB, GETs included', digits: 4 },
  speed: { label: 'GB a second' },
  p50: { label: 'GETs: p50, ms' },
  p99: { label: 'p99, ms' },
  answer: { label: 'first answer behind a standstill, ms' },
  parked: { label: 'kernel buffers then, MB a connection, both ends' },
};
for (const floods of FLOODS)
  bench.table(`${floods}`, `${floods} uploads without end, by the caps on a wake-up`, columns, samples[floods]);
bench.finish();
