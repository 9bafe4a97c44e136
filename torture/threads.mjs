// Worker.terminate(), while the thread does all kinds of things.
import { startPeers } from './lib/raw-peers.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Threads that are terminated';
export const what = `Workers of one process, each with a server and a connection, are terminated at a stage of the
close. The process must go on with as many descriptors as before, and no peer may be left with a connection that
nothing holds. Files of modules do not count: Node.js itself leaves a file open, of any package, when the thread was
reading it.`;

const AT_ONCE = 4;
const ANSWER = 100;
/** About how many milliseconds a Worker needs to load the package and listen. */
const LOADING = 200;
const CLOSES = { act: 'converse', bytes: 0 };

/** `stage`: of torture/servers/threads.mjs. `peer`: what the peer does. `stays`: it stays until the thread is gone. */
const STAGES = {
  'Worker.terminate() while the package is loaded': { stage: 'loading' },
  'Worker.terminate() while output is being flushed': {
    stage: 'flushing',
    peer: { act: 'until_gone', receiveBuffer: 4_096 },
    stays: true,
  },
  'Worker.terminate() in mid-linger': { stage: 'lingering', peer: CLOSES, stays: true, whole: true },
  'Worker.terminate() in a choose function': { stage: 'choosing', peer: CLOSES, stays: true, whole: true },
  'Worker.terminate() in a listener of the end channel': { stage: 'published', peer: CLOSES, whole: true },
  'Worker.terminate() behind the report': { stage: 'reported', peer: CLOSES, whole: true },
  'Worker.terminate() with setLinger(3)': { stage: 'holding', peer: { act: 'until_gone' }, stays: true },
  'process.exit() of the Worker in mid-linger': { stage: 'exiting', peer: CLOSES, stays: true, whole: true },
};

async function provoke({ server, peers }, { stage, peer, stays, whole }, count, tally) {
  if (stage === 'loading') {
    for (const code of await server.ask('terminateLoading', { count, within: LOADING }))
      tally?.add(`exit code ${code}`);
    return;
  }
  const ports = await server.ask('start', { stage, count });
  await peers.ask('start', { host: '127.0.0.1', ports, ...peer });
  const going = stays ? undefined : peers.ask('go');
  const codes = await server.ask('terminate');
  await (going ?? peers.ask('go'));
  const results = await peers.ask('finish');
  for (const [i, { got, fin, gone }] of results.entries()) {
    const sound = whole ? got === ANSWER && fin : gone;
    tally?.add(`exit code ${codes[i]}`, sound ? undefined : `the peer: ${JSON.stringify(results[i])}`);
  }
}

export async function run({ quick, times }) {
  const parties = { server: startServer('threads'), peers: startPeers() };
  const rows = [];
  await provoke(parties, STAGES['Worker.terminate() in mid-linger'], AT_ONCE);
  for (const [name, stage] of Object.entries(STAGES)) {
    const tally = new Tally(name);
    // 500 in an ordinary run, because a single thread seldom leaves enough behind to be seen.
    const most = quick ? 2 : Math.ceil(times * 2.5);
    const held = await measured(parties.server, async () => {
      for (let left = most; left > 0; left -= AT_ONCE) await provoke(parties, stage, Math.min(left, AT_ONCE), tally);
    });
    rows.push(tally.row(held));
  }
  return rows;
}

await main(import.meta.url, run);
