// Garbage collections at every stage of a close, and what very many closes leave on the heap.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { runJson } from '../lab/children.mjs';
import { compile } from '../lab/compile.mjs';
import { measured, startServer } from './lib/server.mjs';
import { megabytes, Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Garbage collection';
export const what =
  'The server keeps no reference to a socket, a promise or a signal. Its garbage is collected at every event and ' +
  'every call of a close, and every 50 ms in addition. Each peer must get every byte and the end of the connection; ' +
  'each finalizer must run once, and not before the `close` of its socket. Then 100,000 closes, with a heap ' +
  'snapshot before and after them.';

const MB = 1_000_000;
const SCENES = {
  linger: { bytes: 3 * MB },
  delivered: { bytes: 3 * MB },
  drained: { bytes: 1_000 },
  idle: { bytes: 1_000, silent: true, awaits: 'idle' },
  timeout: { bytes: 1_000, silent: true, drips: true },
  signal: { bytes: 1_000, silent: true },
  'any signal': { bytes: 1_000, silent: true },
  guarded: { bytes: 3 * MB },
  destroySoon: { bytes: 3 * MB },
};
const OUTCOMES = {
  delivered: ['delivered'],
  drained: ['drained'],
  idle: ['idle'],
  timeout: ['timeout'],
  aborted: ['signal', 'any signal'],
  eof: ['linger', 'destroySoon'],
};
const PATIENCE = 60_000;

export async function run({ quick, times }) {
  const server = await startServer('garbage');
  const ports = await server.ask('ports');
  const rows = [
    ...(await collectAtEachStage(server, ports.net, quick ? 2 : Math.min(times, 15))),
    await closeMany(server, ports.http, quick ? 2_000 : times * 500),
  ];
  await server.stop();
  return rows;
}

async function collectAtEachStage(server, port, times) {
  const tallies = new Map(Object.keys(SCENES).map((way) => [way, new Tally(`collected at every stage: ${way}`)]));
  // The first connection sets things up that stay.
  await visit(server, port, 'guarded', SCENES.guarded);
  const held = await measured(server, async () => {
    await server.ask('force', true);
    // One connection of each kind at once, because the collections take most of the time.
    for (let i = 0; i < times; i++) {
      await Promise.all(
        Object.entries(SCENES).map(async ([way, scene]) =>
          tallies.get(way).add(...(await visit(server, port, way, scene))),
        ),
      );
    }
    await server.ask('force', false);
  });
  let counts = await server.ask('counts');
  // A timer may still hold the last sockets.
  for (let i = 0; i < 50 && counts.collected < counts.opened; i++) {
    await delay(100);
    counts = await server.ask('counts');
  }
  const finalizers = new Tally('finalizers of the sockets');
  for (let i = 0; i < counts.opened; i++)
    finalizers.add(
      i < counts.collected ? 'run' : 'not run',
      i < counts.collected ? undefined : 'a socket was not collected',
    );
  for (let i = 0; i < counts.tooSoon; i++) finalizers.add('too soon', "a socket was collected before its 'close'");
  for (let i = 0; i < counts.twice; i++) finalizers.add('twice', 'a finalizer ran twice');
  checkOutcomes(counts.outcomes, times, tallies);
  return [
    ...[...tallies.values()].map((tally) => tally.row(held)),
    finalizers.row(held, `${counts.collections} forced collections.`),
  ];
}

/** Checks the outcomes that only the server knows. */
function checkOutcomes(outcomes, times, tallies) {
  for (const [outcome, ways] of Object.entries(OUTCOMES)) {
    const count = outcomes[outcome] ?? 0;
    if (count !== ways.length * times)
      tallies.get(ways[0]).add('told otherwise', `${count} of ${ways.length * times} ended by '${outcome}'`);
  }
}

/**
 * Resolves with what the peer saw and what is wrong with it. A silent peer waits for the server to give up; any other
 * closes at the end. `awaits`: the outcome that must be reported before the peer sends again, which would change it.
 */
async function visit(server, port, way, { bytes, silent, drips, awaits }) {
  const before = awaits && (await countOf(server, awaits));
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let received = 0;
  let error;
  socket.on('error', ({ code }) => {
    error = code;
  });
  await once(socket, 'connect');
  socket.write(JSON.stringify({ way, bytes }));
  socket.on('data', (chunk) => {
    received += chunk.length;
    // Slowly, so that garbage is collected during the flush.
    if (bytes > MB) {
      socket.pause();
      setTimeout(() => socket.resume(), 2);
    }
  });
  const over = once(socket, 'end').then(
    () => 'end',
    () => error,
  );
  const how = await Promise.race([over, delay(PATIENCE, 'nothing', { ref: false })]);
  if (awaits) await untilMore(server, awaits, before);
  if (silent) await untilRefused(socket, drips || awaits ? 0 : 600);
  socket.destroy();
  return [how, how === 'end' && received === bytes ? undefined : `${way}: ${how} after ${received} of ${bytes} bytes`];
}

async function countOf(server, outcome) {
  return (await server.ask('outcomes'))[outcome] ?? 0;
}

async function untilMore(server, outcome, before) {
  const end = performance.now() + PATIENCE;
  while ((await countOf(server, outcome)) <= before && performance.now() < end) await delay(20);
}

/** Waits `rest` milliseconds, then writes until a write fails because the server's side is gone. */
async function untilRefused(socket, rest) {
  await delay(rest);
  for (let i = 0; i < 200 && !socket.destroyed; i++) {
    socket.write('.');
    await delay(20);
  }
}

async function closeMany(server, port, closes) {
  const uploader = compile('uploader');
  const upload = (count) => runJson(uploader, [port, count, 4, 1_000]);
  // Some traffic first, so that the heap has its final size and the code is optimized.
  await upload(Math.min(closes, 10_000));
  const heapBefore = await server.ask('heap');
  const tally = new Tally(`${closes} closes`);
  const held = await measured(server, async () => {
    const { answered, broken, unanswered } = await upload(closes);
    for (let i = 0; i < answered; i++) tally.add('answered');
    for (let i = 0; i < broken + unanswered; i++) tally.add('broken', 'an upload was not answered');
  });
  const heapAfter = await server.ask('heap');
  const grown = Object.entries(heapAfter.classes)
    .map(([name, count]) => [name, count - (heapBefore.classes[name] ?? 0)])
    .filter(([, more]) => more > closes / 100);
  for (const [name, more] of grown) tally.add('kept', `${more} more of ${name} on the heap`);
  const objects = heapAfter.objects - heapBefore.objects;
  const bytes = heapAfter.bytes - heapBefore.bytes;
  // One object or 16 bytes for every hundred closes would be a leak. Code and its feedback may still take a megabyte.
  if (bytes > MB + closes / 6) tally.add('heap', `${bytes} bytes more on the heap`);
  return tally.row(
    held,
    `heap ${megabytes(heapBefore.bytes)} → ${megabytes(heapAfter.bytes)} MB, ` +
      `${heapBefore.objects} → ${heapAfter.objects} objects: ` +
      `${(bytes / closes).toFixed(2)} bytes and ${(objects / closes).toFixed(4)} objects a close.`,
  );
}

await main(import.meta.url, run);
