// The bytes that a peer sends into a linger must not turn up anywhere.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findInMemory, occurrences } from './lib/process-memory.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'No data of a peer surfaces';
export const what =
  'Each peer sends a secret word of its own many times, once its connection lingers. The script then looks for the ' +
  'word: in the reports, the errors and their stacks, the messages of the diagnostics channels and `NODE_DEBUG`, ' +
  'all of which the server writes to its standard error; in the buffers of later connections and in what the ' +
  'allocator gives out; in a heap snapshot; and in the whole memory of the process, where discarded bytes of TCP ' +
  'never come. A second word, which the application was given before the close, shows that the search finds what is ' +
  'there.';

/** How often a peer repeats its word, and the length of a word. */
const REPEATED = 2_000;
const WORD = 24;

const SCENES = {
  eof: { after: (socket) => socket.end() },
  idle: { options: { idleTimeout: 200 } },
  timeout: { options: { timeout: 300 } },
  'max-bytes': { options: { maxBytes: 1_000 } },
  aborted: { options: { abortAfter: 200 } },
  'peer-reset': { after: (socket) => socket.resetAndDestroy() },
  delivered: { options: { until: 'delivered' } },
  drained: { options: { mode: 'drain' } },
  'of lingerOnClose, evicted by the next': { http: true },
};

export async function run({ quick, times }) {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-secrecy-'));
  try {
    const rows = await search(folder, 'native', {
      rounds: quick ? 1 : Math.min(times, 15),
      debug: 'net,http,stream,timer',
      memory: true,
    });
    if (quick) return rows;
    // A UNIX socket discards through a buffer, and with the streams engine Node.js itself reads. There the bytes do
    // come into the memory of the process, and only the other places are searched.
    rows.push(
      ...(await search(folder, 'native, UNIX socket', {
        rounds: 5,
        path: join(folder, 'socket'),
        debug: 'net,http,stream,timer',
      })),
    );
    rows.push(
      ...(await search(folder, 'streams', {
        rounds: 5,
        flags: '--no-addons --disable-warning=LINGERING_CLOSE_FALLBACK',
        debug: 'net,http',
      })),
    );
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function search(folder, name, { rounds, path, flags = '', debug, memory = false }) {
  const log = join(folder, 'log');
  const server = await startServer('talkative', {
    args: [name],
    prefix: ['sh', '-c', 'exec "$@" 2>"$0"', log],
    env: { NODE_DEBUG: debug, NODE_OPTIONS: flags },
  });
  const [port, httpPort] = await server.ask('ports', path);
  const where = path ? { path } : { port, host: '127.0.0.1' };
  const scenes = Object.entries(SCENES).filter(([scene]) => !(path && (SCENES[scene].http || scene === 'peer-reset')));
  const secret = randomBytes(WORD / 4).toString('hex');
  const given = randomBytes(WORD / 4).toString('hex');
  const word = (prefix, i) => `${prefix}${String(i).padStart(WORD - prefix.length, '0')}`;
  let sent = 0;
  const [dump, snapshot] = ['dump', 'snapshot'].map((file) => join(folder, `${file}.heapsnapshot`));
  const held = await measured(server, async () => {
    for (let round = 0; round < rounds; round++) {
      const sockets = [];
      for (const [, scene] of scenes) {
        const i = sent++;
        const socket = await visit(
          server,
          scene,
          scene.http ? { port: httpPort, host: '127.0.0.1' } : where,
          word(given, i),
          sent,
        );
        socket.write(word(secret, i).repeat(REPEATED));
        scene.after?.(socket);
        sockets.push(socket);
      }
      // One more HTTP connection evicts the last lingering one.
      if (scenes.some(([, { http }]) => http))
        sockets.push(await visit(server, { http: true }, { port: httpPort, host: '127.0.0.1' }, '', ++sent));
      await delay(400);
      for (const socket of sockets) socket.destroy();
      await server.ask('until', { event: 'ended', count: sent });
    }
    // First what the allocator and the kernel give out now, then everything that JavaScript reaches.
    await server.ask('dump', dump);
    for (let i = 0; i < 50; i++) await visitAfterwards(where, word(given, i));
    await server.ask('snapshot', snapshot);
  });
  const inMemory = memory ? findInMemory(server.pid, [secret, given]) : undefined;
  await server.stop();

  const places = { 'everything that is said': log, 'buffers of later connections': dump, 'a heap snapshot': snapshot };
  const results = Object.entries(places).map(([place, file]) => [place, countIn(file, secret), countIn(file, given)]);
  if (inMemory) results.push(['all memory of the process', ...inMemory]);
  for (const file of Object.values(places)) rmSync(file);
  return results.map(([place, secrets, controls]) => {
    const tally = new Tally(`${name}: ${place}`);
    for (let i = 0; i < sent; i++) tally.add('not found');
    if (secrets > 0) tally.add('found', `a peer's word was found ${secrets} times`);
    if (controls === 0) tally.add('blind', 'the search does not even find what the application was told');
    return tally.row(held, `the word that the application was told was found ${controls} times`);
  });
}

/** Opens a connection, and waits until `count` lingers have begun. */
async function visit(server, { options = {}, http }, where, word, count) {
  const socket = connect({ ...where, allowHalfOpen: true });
  socket.on('error', () => {}).resume();
  await once(socket, 'connect');
  socket.write(
    http
      ? 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n'
      : JSON.stringify({ ...options, word }),
  );
  await server.ask('until', { event: 'begun', count });
  return socket;
}

async function visitAfterwards(where, text) {
  const socket = connect(where);
  socket.end(text).resume();
  await once(socket, 'close');
}

/** Counts a text as such, and as the hexadecimal digits in which Node.js prints a Buffer. */
function countIn(file, text) {
  const bytes = readFileSync(file);
  const spaced = Buffer.from(text).toString('hex').match(/../g).join(' ');
  return [text, spaced, Buffer.from(text).toString('hex')].reduce(
    (sum, form) => sum + occurrences(bytes, Buffer.from(form)),
    0,
  );
}

await main(import.meta.url, run);
