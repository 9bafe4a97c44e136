// The link to the peers goes down, in a network namespace, and comes back in time or too late.
import { setTimeout as delay } from 'node:timers/promises';
import { provoke, provokeAll, startParties } from './lib/raw-peers.mjs';
import { main } from './lib/torture.mjs';
import { countInState, link, noLink, OWN_NAMESPACE } from './lib/veth.mjs';

export const title = 'A link that goes down';
export const what = `Server and peers have a network namespace each, with a pair of veth interfaces between them. The
link is down when the server writes its answer and closes, so that nothing arrives. This causes a simultaneous close:
both ends send a FIN that gets lost (each socket is found in FIN_WAIT_1), and both repeat it when the link is back.`;

/** Why this script cannot run here, or undefined. */
export const missing = noLink;

const KB = 1024;
const MB = 1024 * KB;
const FIN_WAIT_1 = '04';
/** Milliseconds for which nothing arrives. */
const OUTAGE = 300;

/** Waits for the state, because the server sends FIN only after it has answered `word`. */
async function allInState(pid, state, count) {
  for (let i = 0; countInState(pid, state) !== count; i++) {
    if (i === 200) throw new Error(`${countInState(pid, state)} of ${count} sockets are in state ${state}`);
    await delay(50);
  }
}

function faults(cable) {
  const cut = async ({ server }, count) => {
    await cable.down();
    await server.ask('word', count);
  };
  const backInTime = async (parties, count) => {
    await cut(parties, count);
    await delay(OUTAGE);
    await cable.up();
    await parties.peers.ask('go');
    return parties.server.ask('reports', count);
  };
  const backTooLate = async (parties, count) => {
    await cut(parties, count);
    const reports = await parties.server.ask('reports', count);
    await cable.up();
    await parties.peers.ask('go');
    return reports;
  };
  const together = async (parties, count) => {
    await cut(parties, count);
    await parties.peers.ask('go');
    for (const { pid } of [parties.server, parties.peers]) await allInState(pid, FIN_WAIT_1, count);
    await cable.up();
    await parties.peers.ask('go');
    return parties.server.ask('reports', count);
  };
  const way = (bytes, idleTimeout) => ({ bytes, when: 'word', options: { idleTimeout } });
  return {
    'back before the time-out, the answer in the kernel': {
      act: 'read_on',
      way: way(64 * KB, 10_000),
      between: backInTime,
      outcome: 'eof',
      delivered: [true],
    },
    'back before the time-out, the answer in the process': {
      act: 'read_on',
      way: way(4 * MB, 10_000),
      between: backInTime,
      outcome: 'eof',
      // Behind a link that was down the kernel's counts may not tell.
      delivered: [true, null],
    },
    'back after the time-out, the answer in the kernel': {
      act: 'read_on',
      way: way(64 * KB, 500),
      between: backTooLate,
      outcome: 'idle',
      delivered: [false],
    },
    'back after the time-out, the answer in the process': {
      act: 'read_on',
      way: way(4 * MB, 500),
      between: backTooLate,
      outcome: 'idle',
      delivered: [false],
    },
    'simultaneous close': {
      act: 'close_together',
      way: way(100, 10_000),
      between: together,
      outcome: 'eof',
      delivered: [true],
    },
  };
}

export async function run({ times }) {
  const parties = startParties({ prefix: OWN_NAMESPACE });
  // A process has its namespace once it answers.
  await parties.server.usage();
  await parties.peers.ask('finish');
  const cable = await link(parties.server.pid, parties.peers.pid);
  const rows = [];
  for (const [name, fault] of Object.entries(faults(cable))) {
    const whole = { ...fault, host: cable.host };
    if (rows.length === 0) await provoke(parties, whole, 1);
    rows.push(await provokeAll(parties, name, whole, times));
  }
  return rows;
}

await main(import.meta.url, run);
