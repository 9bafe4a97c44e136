// The event loop is blocked while closes linger, for longer than most limits.
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'A blocked event loop';
export const what =
  'The event loop of the server is blocked for 10 s while closes are under way. The peers act meanwhile. What the ' +
  'peers have done decides how a close ends, and not only the clock: an EOF in the queue is an EOF. Each close is ' +
  'told once: one report, one `close` event, one message on the diagnostics channel.';

/** How many milliseconds after its limit and the block a close may end on a busy machine. */
const LATE = 5_000;
const KB = 1_000;

/**
 * By name. `options(block)`: the options of safeClose, for a block of that many milliseconds. `meanwhile`: what the
 * peer does during the block; `after`: what it does when the block is over. `outcomes`: how the close may end. `bytes`:
 * the output that must be flushed; it is written right before the block. `least(block)`: the least duration in
 * milliseconds.
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
/** Closes that begin when the block is over, with their limits. */
const FRESH = {
  'begun after the block, silent': { options: () => ({ idleTimeout: 300 }), outcomes: ['idle'], least: () => 300 },
  'begun after the block, drips': {
    options: () => ({ timeout: 500 }),
    meanwhile: (socket) => drip(socket),
    outcomes: ['timeout'],
    least: () => 500,
  },
};
/** The number of connections for each scene with `bytes`, because each holds its output in memory. */
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
    // From now on the server reads nothing and answers nothing.
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

/** Opens `times` connections for each scene. */
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
      // A peer of a scene with output reads nothing.
      if (!scene.bytes) socket.resume();
      peers.push({ name, scene, socket, port: socket.localPort });
    }
  }
  return peers;
}

/** `since`: the time right before the closes began. */
async function judge(server, peers, since, block, tallies) {
  const blockedUntil = performance.now() - since;
  await Promise.race([server.ask('connections', peers.length), delay(60_000, undefined, { ref: false })]);
  for (const { socket } of peers) socket.destroy();
  // Time for a second report, event or message, which would be wrong.
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
  // Timers of Node.js count whole milliseconds.
  if (duration < from - 2 || duration > to)
    return `it took ${duration.toFixed(0)} ms, and not ${from} to ${to.toFixed(0)}`;
  if (discarded !== undefined && discardedBytes !== discarded)
    return `${discardedBytes} bytes discarded, and not ${discarded}`;
  if (delivered !== null && report.delivered !== delivered) return `delivered: ${report.delivered}`;
  return undefined;
}

/** Sends a byte every 50 ms until the connection is gone. */
async function drip(socket) {
  while (!socket.destroyed && socket.writable) {
    socket.write('.');
    await delay(50);
  }
}

await main(import.meta.url, run);
