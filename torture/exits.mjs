// The process ends in the middle of a close.
import { startPeers } from './lib/raw-peers.mjs';
import { startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'The end of the process';
export const what = `Each provocation is a process of its own, with one connection. The process must end with the
expected exit code or signal, and never by a crash. Where FIN was sent, the peer must have everything, and FIN.`;

const EXIT_CODE = 42;
const ANSWER = 100;
const AT_ONCE = 4;
/** What the peer does: it reads to the end and closes, or stays. */
const CLOSES = { act: 'converse', bytes: 0 };
const TALKS = { act: 'converse', bytes: 100_000 };
const SILENT = { act: 'silence', receiveBuffer: 4_096 };

/** `stage`: of torture/servers/ending.mjs. `whole`: the peer must have everything. */
const ENDS = {
  'SIGTERM in mid-linger': { stage: 'sigterm', peer: CLOSES, signal: true, exit: 'SIGTERM', whole: true },
  'SIGTERM in mid-linger, closeServer() in its handler': {
    stage: 'close-server',
    peer: TALKS,
    signal: true,
    exit: EXIT_CODE,
    whole: true,
  },
  'process.exit() before the close': { stage: 'accepted', peer: SILENT, exit: EXIT_CODE },
  'process.exit() while output is being flushed': { stage: 'flushing', peer: SILENT, exit: EXIT_CODE },
  'process.exit() in a choose function': { stage: 'choosing', peer: CLOSES, exit: EXIT_CODE, whole: true },
  'process.exit() in mid-linger': { stage: 'lingering', peer: CLOSES, exit: EXIT_CODE, whole: true },
  'process.exit() in a listener of the end channel': { stage: 'published', peer: CLOSES, exit: EXIT_CODE, whole: true },
  'process.exit() behind the report': { stage: 'reported', peer: CLOSES, exit: EXIT_CODE, whole: true },
};

async function provoke(peers, { stage, peer, signal, exit, whole }, count, tally) {
  const servers = Array.from({ length: count }, () => startServer('ending', { args: [stage] }));
  const ports = await Promise.all(servers.map((server) => server.ask('listen')));
  await peers.ask('start', { host: '127.0.0.1', ports, ...peer });
  if (signal) {
    await Promise.all(servers.map((server) => server.ask('lingering')));
    for (const server of servers) server.kill('SIGTERM');
  }
  // The peers wait until closeServer() has been called, because it counts the lingers from then on.
  if (stage === 'close-server') await Promise.all(servers.map((server) => server.ask('signalled')));
  // The peers stay until the signal has ended the process.
  if (exit === 'SIGTERM') await Promise.all(servers.map((server) => server.exit));
  await peers.ask('go');
  const ends = await Promise.all(servers.map((server) => server.exit));
  const results = await peers.ask('finish');
  for (const [i, end] of ends.entries()) {
    const { got, fin, error } = results[i];
    const complaint =
      end !== exit
        ? `ended with ${end}`
        : whole && !(got === ANSWER && fin && !(error && exit === EXIT_CODE))
          ? `the peer has not got everything: ${JSON.stringify(results[i])}`
          : undefined;
    tally.add(typeof end === 'number' ? `exit code ${end}` : end, complaint);
  }
}

export async function run({ quick, times }) {
  const peers = startPeers();
  const rows = [];
  for (const [name, end] of Object.entries(ENDS)) {
    const tally = new Tally(name);
    const most = quick ? 1 : times;
    for (let left = most; left > 0; left -= AT_ONCE) await provoke(peers, end, Math.min(left, AT_ONCE), tally);
    rows.push(tally.row());
  }
  return rows;
}

await main(import.meta.url, run);
