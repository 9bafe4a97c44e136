// Addresses with many rejected uploads, beside the slow uploads of others.
import { setTimeout as delay } from 'node:timers/promises';
import { startClients } from './lib/clients.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Many addresses';
export const what =
  '`maxLingering` is 200. Slow clients of some addresses have their upload rejected, and send on for seconds before ' +
  'they read. Meanwhile other addresses send many more uploads, which are rejected, and stay silent: hundreds of ' +
  'connections are evicted. Each slow client must have its answer.';

const UPLOAD = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nthe first bytes';
const END = 'THE END';
const ROOM = 200;
/** The flood comes in groups of 100. */
const MOST = 20;
const net = (third, count) => Array.from({ length: count }, (_, i) => `127.0.${third}.${i + 1}`);

/** By name: the addresses of the slow clients, how many these are together, and the addresses of the flood. */
const SCENES = {
  'slow clients of 40 addresses, a flood from one': { slow: net(1, 40), atOnce: 40, flood: ['127.0.2.1'] },
  'slow clients of one address, a flood from one': { slow: ['127.0.1.1'], atOnce: 40, flood: ['127.0.2.1'] },
  'slow clients of 20 addresses, a flood from 20': { slow: net(1, 20), atOnce: 20, flood: net(2, 20) },
};

export async function run({ quick, times }) {
  const server = await startServer('fairness');
  const slow = startClients();
  const rows = [];
  // The first connection sets things up that stay.
  await visit(server, slow, { slow: net(1, 1), atOnce: 1, flood: net(2, 1), drips: 1 });
  for (const [name, scene] of Object.entries(SCENES)) {
    const tally = new Tally(name);
    const size = quick ? { ...scene, atOnce: times, drips: 8 } : { ...scene, drips: 30 };
    const held = await measured(server, async () => {
      for (let left = times; left > 0; left -= size.atOnce)
        await visit(server, slow, { ...size, atOnce: Math.min(left, size.atOnce) }, tally);
    });
    const { evictions } = visit;
    rows.push(tally.row(held, `${evictions} connections of the flood were evicted in the last round.`));
  }
  await slow.stop();
  await server.stop();
  return rows;
}

async function visit(server, slow, { slow: addresses, atOnce, flood, drips }, tally) {
  const port = await server.ask('listen', { host: '0.0.0.0', maxLingering: ROOM, idleTimeout: 60_000, minRate: 0 });
  await slow.do('open', { count: atOnce, port, local: addresses });
  await slow.do('send', { text: UPLOAD });
  await until(server, ({ active }) => active === atOnce);
  const dripping = slow.do('send', { drips, every: 0.2 });
  let over = false;
  const floods = (async () => {
    // At least so many that the room is full, however slow the machine is.
    const all = [];
    while ((!over && all.length < MOST) || all.length < 5) {
      const group = startClients();
      all.push(group);
      await group.do('open', { count: 100, port, local: flood });
      await group.do('send', { text: UPLOAD });
    }
    return all;
  })();
  const sent = await dripping;
  over = true;
  const groups = await floods;
  const { evictions } = await until(server, ({ evictions }) => evictions >= 100 * groups.length + atOnce - ROOM);
  visit.evictions = evictions;
  const results = await slow.do('read', { text: END });
  await slow.do('close');
  for (const group of groups) {
    await group.do('reset');
    await group.stop();
  }
  for (const [i, { whole, end }] of results.entries()) {
    const wrong = sent[i] ?? (whole && end === 'eof' ? undefined : end);
    tally?.add(wrong ? 'lost' : 'answered', wrong);
  }
  await until(server, ({ active }) => active === 0);
  await server.ask('reports', 0);
}

/** Waits until the state of the server is as wanted. At the latest after 20 s, whatever it is. */
async function until(server, reached) {
  let state = await server.ask('state');
  for (let i = 0; i < 200 && !reached(state); i++) {
    await delay(100);
    state = await server.ask('state');
  }
  return state;
}

await main(import.meta.url, run);
