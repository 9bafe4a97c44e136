// Other processes around the server: workers of a cluster, and child processes that start during a linger.
import { provoke, provokeAll, startParties, startPeers } from './lib/raw-peers.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Clusters and child processes';
export const what = `A worker of a cluster is disconnected while connections linger. It must live on until each peer has
everything and has closed, and then end by itself. A child process that starts during a linger must not inherit the
descriptor: it would keep the connection open for as long as it lives.`;

const AT_ONCE = 4;
const ANSWER = 100;
const WORDS = 100_000;

async function disconnect(times) {
  const parties = { server: startServer('cluster'), peers: startPeers() };
  await disconnectSome(parties, 1);
  const tally = new Tally('cluster worker disconnected in mid-linger');
  const held = await measured(parties.server, async () => {
    for (let left = times; left > 0; left -= AT_ONCE) await disconnectSome(parties, Math.min(left, AT_ONCE), tally);
  });
  await parties.server.stop();
  return tally.row(held);
}

async function disconnectSome({ server, peers }, count, tally) {
  const port = await server.ask('start', count);
  await peers.ask('start', { act: 'converse', bytes: WORDS, host: '127.0.0.1', ports: Array(count).fill(port) });
  await server.ask('disconnect', count);
  await peers.ask('go');
  const exits = await server.ask('exits');
  const results = await peers.ask('finish');
  for (const [i, exit] of exits.entries()) {
    const { got, fin, sent, error } = results[i];
    const sound = exit === 0 && got === ANSWER && fin && sent === WORDS && !error;
    tally?.add(
      typeof exit === 'number' ? `exit code ${exit}` : exit,
      sound ? undefined : `${exit}, the peer: ${JSON.stringify(results[i])}`,
    );
  }
}

/** Starts one child for each connection, while all connections linger. */
async function whileLingering({ server, peers }, count) {
  await server.ask('closed', count);
  const inherited = await server.ask('inherited', count);
  await peers.ask('go');
  return (await server.ask('reports', count)).map((report) => ({ ...report, inherited }));
}

async function inherit(times) {
  const parties = startParties();
  const fault = {
    act: 'converse',
    peer: { bytes: WORDS },
    // Starting that many children takes long.
    way: { bytes: ANSWER, options: { idleTimeout: 60_000, timeout: 120_000 } },
    between: whileLingering,
    outcome: 'eof',
    delivered: [true],
    expected: { inherited: 0 },
  };
  await provoke(parties, fault, 1);
  const row = await provokeAll(parties, 'child process started in mid-linger', fault, times);
  await parties.server.stop();
  return row;
}

export async function run({ times }) {
  return [await disconnect(times), await inherit(times)];
}

await main(import.meta.url, run);
