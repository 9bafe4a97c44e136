// The event loop stands still in mid-linger, for longer than most limits.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'A blocked event loop';
export const what =
  'Every close is under way when the event loop of the server stands still, for 10 s, and the peers do what they do meanwhile. What they have done decides how a close ends, not the clock alone: an EOF in the queue is an EOF. ' +
  'Each close is told once: one report, one `close` event, one message on the diagnostics channel.';

/** How late a busy machine may be, behind a limit and the block. */
const LATE = 5_000;
const KB = 1_000;

/**
 * By what is to happen. `options`: those of safeClose, for a block of so many milliseconds. `meanwhile`: what the peer does while the server stands still; `after`: when it goes on.
 * `outcomes`: how it may end; `bytes`: so many are to be flushed, from right before the block on. `least`: no sooner than after so many milliseconds.
 */
const SCENES = {
  'silent, past the limits': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    outcomes: ['idle', 'timeout'],
    least: (block) => 0.5 * block,
  },
  'closes meanwhile': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    meanwhile: (socket) => socket.end(),
    outcomes: ['eof'],
    discarded: 0,
  },
  'sends 100 KB and closes meanwhile': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    meanwhile: (socket) => socket.end(Buffer.alloc(100 * KB)),
    outcomes: ['eof'],
    discarded: 100 * KB,
  },
  'resets meanwhile': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    meanwhile: (socket) => socket.resetAndDestroy(),
    outcomes: ['peer-reset'],
  },
  'sends more than maxBytes meanwhile': {
    options: () => ({ maxBytes: 10 * KB }),
    meanwhile: (socket) => socket.write(Buffer.alloc(50 * KB)),
    outcomes: ['max-bytes'],
    discarded: 10 * KB,
  },
  'drips all the while, past the total time': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    meanwhile: (socket) => drip(socket),
    outcomes: ['timeout'],
    least: (block) => 0.8 * block,
  },
  'aborted meanwhile': {
    options: (block) => ({ abortAfter: 0.5 * block }),
    outcomes: ['aborted'],
    least: (block) => 0.5 * block,
  },
  'silent, its idle time is up after the block': {
    options: (block) => ({ idleTimeout: block + 500 }),
    outcomes: ['idle'],
    least: (block) => block + 500,
  },
  'drips, its total time is up after the block': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: block + 1_000 }),
    meanwhile: (socket) => drip(socket),
    outcomes: ['timeout'],
    least: (block) => block + 1_000,
  },
  'patient limits, closes after the block': {
    options: (block) => ({ idleTimeout: 10 * block, timeout: 10 * block }),
    after: (socket) => socket.end(),
    outcomes: ['eof'],
    least: (block) => block,
  },
  'reads 6 MB meanwhile, past the limits': {
    options: (block) => ({ idleTimeout: 0.8 * block, timeout: 0.8 * block }),
    bytes: 6_000 * KB,
    meanwhile: (socket) => socket.resume().on('end', () => socket.end()),
    outcomes: ['eof'],
    delivered: true,
  },
  'takes nothing of 20 MB, and resets meanwhile': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    bytes: 20_000 * KB,
    meanwhile: (socket) => socket.resetAndDestroy(),
    outcomes: ['peer-reset'],
    delivered: false,
  },
  'takes nothing of 20 MB': {
    options: (block) => ({ idleTimeout: 0.5 * block, timeout: 0.8 * block }),
    bytes: 20_000 * KB,
    outcomes: ['idle', 'timeout'],
    delivered: false,
  },
};
/** The limits of what begins when the block is over. */
const FRESH = {
  'begun after the block, silent': { options: () => ({ idleTimeout: 300 }), outcomes: ['idle'], least: () => 300 },
  'begun after the block, drips': {
    options: () => ({ timeout: 500 }),
    meanwhile: (socket) => drip(socket),
    outcomes: ['timeout'],
    least: () => 500,
  },
};
/** Of these scenes only so many, for each holds its output in memory. */
const FEW = 4;

export async function run({ quick, times }) {
  const block = quick ? 2_500 : 10_000;
  const server = await startServer('told');
  const port = await server.ask('port');
  const tallies = new Map();
  const held = await measured(server, async () => {
    const peers = await openAll(port, SCENES, times, block);
    const begun = performance.now();
    await server.ask('block', { count: peers.length, milliseconds: block });
    // From here on the server reads nothing, and answers nothing.
    for (const { scene, socket } of peers) scene.meanwhile?.(socket);
    await delay(block);
    for (const { scene, socket } of peers) scene.after?.(socket);
    await judge(server, peers, begun, block, tallies);

    const fresh = await openAll(port, FRESH, times, block);
    const begunAfter = performance.now();
    await server.ask('close', fresh.length);
    for (const { scene, socket } of fresh) scene.meanwhile?.(socket);
    await judge(server, fresh, begunAfter, block, tallies);
  });
  await server.stop();
  return [...tallies.values()].map((tally) => tally.row(held));
}

/** So many connections for each scene. */
async function openAll(port, scenes, times, block) {
  const peers = [];
  for (const [name, scene] of Object.entries(scenes)) {
    for (let i = 0; i < (scene.bytes ? Math.min(times, FEW) : times); i++) {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      await once(socket, 'connect');
      socket.write(
        `${JSON.stringify({ bytes: scene.bytes ?? KB, late: scene.bytes !== undefined, ...scene.options(block) })}\n`,
      );
      // Whoever is to take nothing takes nothing.
      if (!scene.bytes) socket.resume();
      peers.push({ name, scene, socket, port: socket.localPort });
    }
  }
  return peers;
}

/** `since`: when the closes were about to begin. */
async function judge(server, peers, since, block, tallies) {
  const blockedUntil = performance.now() - since;
  await Promise.race([server.ask('connections', peers.length), delay(60_000, undefined, { ref: false })]);
  for (const { socket } of peers) socket.destroy();
  // Whatever is told twice has had its time by now.
  await delay(200);
  const connections = new Map(await server.ask('connections', peers.length));
  for (const { name, scene, port } of peers) {
    const connection = connections.get(port);
    if (!tallies.has(name)) tallies.set(name, new Tally(name));
    tallies.get(name).add(connection.report.outcome, complaintOf(connection, scene, block, blockedUntil));
  }
  await server.ask('forget');
}

function complaintOf(
  { ends, closes, settled, report },
  { outcomes, discarded, least, delivered = null },
  block,
  blockedUntil,
) {
  const from = least?.(block) ?? 0;
  const to = Math.max(from, blockedUntil) + LATE;
  const { outcome, duration, discardedBytes } = report;
  if (ends !== 1 || closes !== 1 || settled !== 1)
    return `told ${ends} times, closed ${closes} times, settled ${settled} times`;
  if (!outcomes.includes(outcome)) return `it ended by '${outcome}'`;
  // Timers of Node count whole milliseconds.
  if (duration < from - 2 || duration > to)
    return `it took ${duration.toFixed(0)} ms, and not ${from} to ${to.toFixed(0)}`;
  if (discarded !== undefined && discardedBytes !== discarded)
    return `${discardedBytes} bytes discarded, and not ${discarded}`;
  if (delivered !== null && report.delivered !== delivered) return `delivered: ${report.delivered}`;
  return undefined;
}

/** A byte now and then, until it is told that nobody wants it. */
async function drip(socket) {
  while (!socket.destroyed && socket.writable) {
    socket.write('.');
    await delay(50);
  }
}

await main(import.meta.url, run);
