// The kernel gives the number of a closed descriptor to the next connection. No other linger may touch it then.
import { connect } from 'node:net';
import { measured, startServer } from './lib/server.mjs';
import { HEADER, LAST_WORDS, REPLY, tagged } from './lib/tagged.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Descriptors that are used again';
export const what =
  'More than 100,000 connections are opened and closed on two threads, while at least eight others linger and end: ' +
  'by EOF, idle time, total time, byte limit, abort, `delivered`, `drain`, and the guard of SO_LINGER. Each ' +
  'connection carries bytes of its own, in both directions, and these bytes wait in the queue of the kernel while ' +
  "other lingers end. If a linger discards another connection's bytes, or closes another connection, the script " +
  'sees it at once.';

const WAYS = 8;
/** Connections at once on each thread. Most of them linger. */
const LANES = 96;
const STALLED = 30_000;

export async function run({ quick, times }) {
  // An ordinary run of 200 times opens 500 connections each time.
  const wanted = quick ? 2_000 : times * 500;
  const server = await startServer('reuse');
  const ports = await server.ask('ports');
  const sum = (key) => figures.reduce((total, each) => total + each[key], 0);
  const tally = new Tally('opens and closes');
  let figures;
  let id = 0;
  let broken = false;
  const visits = async (last, lanes, counted) => {
    const lane = async (port) => {
      while (id < last && !broken) if (!(await visit(port, id++, counted))) broken = true;
    };
    await Promise.all(ports.flatMap((port) => Array.from({ length: lanes }, () => lane(port))));
    figures = await server.ask('figures');
  };
  // First one connection for each way, because the first one sets things up that stay.
  await visits(4 * WAYS, WAYS, new Tally(''));
  const before = sum('racing');
  const startedAt = performance.now();
  const held = await measured(server, async () => {
    // Only connections with other lingers beside them count. At the end of a round few have.
    do await visits(id + Math.max(wanted - (sum('racing') - before), 10 * LANES), LANES, tally);
    while (sum('racing') - before < wanted && !broken);
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  for (const { faults } of figures) for (const fault of faults) tally.add('the server saw other bytes', fault);
  await server.stop();
  const most = Math.max(...figures.map((each) => each.most));
  return [
    tally.row(
      held,
      `${sum('racing') - before} of the connections were opened while eight lingers or more were under way on the ` +
        `same thread, ${most} at most; ${Math.round(id / seconds)} connections a second. ` +
        `The lingers ended so: ${endings(figures)}.`,
    ),
  ];
}

function endings(figures) {
  const counts = {};
  for (const { outcomes } of figures)
    for (const [key, count] of Object.entries(outcomes)) counts[key] = (counts[key] ?? 0) + count;
  return Object.entries(counts)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]) => `${key} ${count}`)
    .join(', ');
}

/** One connection from its first to its last byte. Resolves with whether it received exactly its own bytes. */
function visit(port, id, tally) {
  return new Promise((resolve) => {
    const way = id % WAYS;
    const reply = REPLY(id);
    const whole = Buffer.concat([reply, LAST_WORDS(id)]);
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    let received = Buffer.alloc(0);
    let over = false;
    const timer = setTimeout(() => end('stalled'), STALLED);
    const end = (how) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.destroy();
      // An intended RST may come before the last words are read, but never before the reply is read.
      const complete =
        received.equals(whole) ||
        (how === 'reset' && received.equals(whole.subarray(0, received.length)) && received.length >= reply.length);
      tally.add(
        complete ? 'whole' : how,
        complete ? undefined : `connection ${id}, way ${way}: ${how} after ${received.length} of ${whole.length} bytes`,
      );
      resolve(complete);
    };
    socket.on('connect', () => {
      const request = tagged(id, way, 2_000 + (id % 3_000));
      socket.write(request.subarray(0, HEADER + 500));
      setImmediate(() => socket.write(request.subarray(HEADER + 500)));
    });
    socket.on('data', (chunk) => {
      const before = received.length;
      received = Buffer.concat([received, chunk]);
      if (before < reply.length && received.length >= reply.length) socket.write('!');
    });
    socket.on('end', () => {
      // For the linger to discard, and enough for the byte limit.
      socket.write(Buffer.alloc(1_000));
      if (way === 1 || way === 2 || way === 4) setTimeout(end, 150, 'ended');
      else socket.end(() => end('ended'));
    });
    socket.on('error', ({ code }) => end(code === 'ECONNRESET' || code === 'EPIPE' ? 'reset' : code));
  });
}

await main(import.meta.url, run);
