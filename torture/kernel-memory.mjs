// The kernel's memory under hostile peers, and whether the low-water marks make it worse.
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runJson } from '../lab/children.mjs';
import { compile, compileFile } from '../lab/compile.mjs';
import { samplesAt } from '../lab/samples.mjs';
import { median } from '../lab/statistics.mjs';
import { measured, startServer } from './lib/server.mjs';
import { SocketMemory } from './lib/socket-memory.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = "The kernel's memory";
export const what =
  'The sockets of the server have a memory limit of their own. Beyond it the kernel treats them as it treats all ' +
  'sockets when the machine is over `tcp_mem`. Peers flood; or they earn a low-water mark by what they send, then ' +
  'park slightly less than the mark and send nothing more. Each attack runs by turns with the marks of the discard ' +
  'loop, and with the same code where SO_RCVLOWAT does nothing. The notes have the medians of three runs, and the ' +
  'counters of the kernel, which count for the whole machine. The ordinary client must be served, and the memory ' +
  'must be free again while the peers are still there.';

const MiB = 1 << 20;
const KiB = 1 << 10;
/** Under memory pressure, and without a limit of the group. */
const QUICK = { 'under pressure, 4 MiB': 4 * MiB };
const LIMITS = { ...QUICK, 'without a limit': -1 };
const COUNTERS = [
  'TCPMemoryPressures',
  'PruneCalled',
  'RcvPruned',
  'TCPRcvCollapsed',
  'TCPRcvQDrop',
  'TCPBacklogDrop',
  'TCPTimeouts',
];
/** The slow tick reads parked bytes within a second; a busy machine may be late. */
const FREE_WITHIN = 10_000;
const PER_SECOND = 50;
/** The largest mark, and the number of connections whose marks of that size use the whole budget. */
const MARK = 2 * MiB;
const PARKERS = 64;
/** A peer must send that much more than the mark, in pieces, to earn the mark. */
const EXCESS = MARK / 4;
const PIECE = 64 * KiB;

const SCENES = { 'peers that flood': flood, 'peers that park': park };

export async function run({ quick }) {
  const memory = SocketMemory.create();
  if (!memory) return [impossible()];
  const size = quick ? { flooders: 2, parkers: 8, seconds: 0.5 } : { flooders: 32, parkers: PARKERS, seconds: 2 };
  const rows = [];
  try {
    for (const [pressure, limit] of Object.entries(quick ? QUICK : LIMITS)) {
      for (const [peers, attack] of Object.entries(SCENES)) {
        const cases = [true, false].map(
          (marks) => new Case(`${peers}, ${pressure}${marks ? '' : ', no marks'}`, { memory, limit, marks }),
        );
        // By turns, because the load of the machine changes.
        for (let round = 0; round < (quick ? 1 : 3); round++) for (const each of cases) await each.run(attack, size);
        rows.push(...cases.map((each) => each.row()));
      }
    }
  } finally {
    await memory.remove();
  }
  return rows;
}

/** The row for a kernel without a memory limit for a group's sockets. A changed tcp_mem would affect all processes. */
function impossible() {
  const tally = new Tally('not measured');
  tally.add('not measured');
  return tally.row(
    undefined,
    'needs the memory controller of control groups, version 1, and the right to make a group.',
  );
}

/** One kind of attack, with or without marks, run several times. */
class Case {
  #tally;
  #options;
  #held;
  #samples = {};

  constructor(name, options) {
    this.#tally = new Tally(name);
    this.#options = options;
  }

  async run(attack, size) {
    const { memory, limit, marks } = this.#options;
    memory.limit(limit);
    const server = await startServer('crowd', { prefix: memory.prefix, env: marks ? {} : { LD_PRELOAD: noMarks() } });
    const port = await server.ask('listen', { name: 'main', options: { maxLingering: 1_000, idleTimeout: 8_000 } });
    // The first connections set things up that stay.
    await runJson(compile('uploader'), [port, 20, 2, 100_000]);
    const held = await measured(server, async () => {
      memory.reset();
      const before = counters();
      const figures = await attack(port, size, this.#tally, memory);
      const after = counters();
      const { main } = await server.ask('lingering');
      // The kernel does not refuse what is in the receive queue already. Twice the limit would mean that there is none.
      if (limit > 0) this.#tally.add('bounded', memory.most > 2 * limit ? `${memory.most} bytes at most` : undefined);
      this.#add({ ...figures, 'MB at most': memory.most / 1e6, 'MB discarded': main.discardedBytes / 1e6 });
      // These count for the whole machine.
      this.#add(Object.fromEntries(COUNTERS.map((key) => [key, after[key] - before[key]])));
    });
    await server.stop();
    this.#held = this.#held
      ? Object.fromEntries(Object.keys(held).map((key) => [key, [this.#held[key][0], held[key][1]]]))
      : held;
  }

  #add(figures) {
    for (const [key, value] of Object.entries(figures)) samplesAt(this.#samples, key).push(value);
  }

  row() {
    const medians = Object.entries(this.#samples).map(([key, values]) => [key, median(values)]);
    const note = medians
      .filter(([key, value]) => value > 0 || !COUNTERS.includes(key))
      .map(([key, value]) => `${key} ${Number(value.toFixed(1))}`);
    return this.#tally.row(this.#held, `${note.join(', ')}.`);
  }
}

function counters() {
  const [names, values] = readFileSync('/proc/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt: '))
    .map((line) => line.split(' '));
  return Object.fromEntries(COUNTERS.map((key) => [key, Number(values[names.indexOf(key)])]));
}

let library;

function noMarks() {
  if (library) return library;
  const folder = fileURLToPath(new URL('../build/torture/', import.meta.url));
  mkdirSync(folder, { recursive: true });
  library = compileFile(fileURLToPath(new URL('native/no-marks.c', import.meta.url)), `${folder}no-marks.so`, [
    '-shared',
    '-fPIC',
  ]);
  return library;
}

/** Runs the ordinary client. Returns its p99 in milliseconds. */
async function get(port, seconds, tally) {
  const { p99, count, failed } = await runJson(compile('getter'), [port, seconds, PER_SECOND]);
  for (let i = 0; i < count; i++) tally.add('answered');
  for (let i = 0; i < failed; i++) tally.add('failed', 'a GET was not answered');
  return p99 / 1_000;
}

async function flood(port, { flooders, seconds }, tally) {
  const flooding = runJson(compile('sender'), [port, flooders, 1e15, seconds + 1]);
  await delay(500);
  const p99 = await get(port, seconds, tally);
  await flooding;
  return { 'p99 of the ordinary client, ms,': p99 };
}

/** Each peer sends enough for the largest mark, and then slightly less than the mark: epoll does not report that. */
async function park(port, { parkers, seconds }, tally, memory) {
  const peers = await Promise.all(Array.from({ length: parkers }, () => parker(port)));
  await earn(peers);
  for (const socket of peers) socket.write(Buffer.alloc(MARK - EXCESS - KiB));
  const parkedAt = performance.now();
  const getting = get(port, seconds, tally);
  while (memory.usage > MiB && performance.now() - parkedAt < FREE_WITHIN) await delay(10);
  const free = performance.now() - parkedAt;
  tally.add('free again', memory.usage > MiB ? `${memory.usage} bytes are held after ${FREE_WITHIN} ms` : undefined);
  const p99 = await getting;
  for (const socket of peers) socket.destroy();
  return { 'p99 of the ordinary client, ms,': p99, 'ms until all but 1 MiB was free': free };
}

/**
 * Sends in pieces, so that the server reads as the marks allow: after that at most the excess is unread. This must be
 * over before the slow tick looks, a second later.
 */
async function earn(peers) {
  for (let sent = 0; sent < MARK + EXCESS; sent += PIECE) {
    for (const socket of peers) if (!socket.write(Buffer.alloc(PIECE))) await once(socket, 'drain');
  }
  await delay(100);
}

async function parker(port) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n');
  await once(socket.resume(), 'end');
  return socket;
}

await main(import.meta.url, run);
