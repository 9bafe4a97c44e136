// System calls fail, or are interrupted.
import { Faults } from './lib/faults.mjs';
import { provoke, provokeAll, startParties } from './lib/raw-peers.mjs';
import { main } from './lib/torture.mjs';

export const title = 'A kernel that says no';
export const what = `A preloaded library makes system calls of the addon fail, and no others. Where there is no
descriptor or no memory for the discard loop, the connection lingers through Node's streams, and the report says why;
the peer still gets everything. An interrupted call (EINTR) must have no effect.`;

const KB = 1024;
const WAY = { bytes: 64 * KB };
/** Both sides go on to the end. The peer sends more after our FIN. */
const TO_THE_END = { act: 'converse', peer: { bytes: 100 * KB }, way: WAY, outcome: 'eof' };
const byStreams = (error, syscall) => ({
  ...TO_THE_END,
  delivered: [null],
  expected: { engine: 'streams', error, syscall },
});
const natively = { ...TO_THE_END, delivered: [true], expected: { engine: 'native' } };

const overHttp = (fault) => ({ ...fault, way: { ...WAY, http: true }, peer: { ...fault.peer, http: true } });

/** In a running process: the kind of call, its errno, every how many calls it fails, and what must come of it. */
const CLOSES = {
  'EMFILE at the duplicate': ['duplicate', 'EMFILE', 1, byStreams('EMFILE', 'fcntl')],
  'EMFILE at the duplicate, an HTTP server': ['duplicate', 'EMFILE', 1, overHttp(byStreams('EMFILE', 'fcntl'))],
  'ENFILE at the duplicate': ['duplicate', 'ENFILE', 1, byStreams('ENFILE', 'fcntl')],
  'ENOMEM when it is to be watched': ['watch', 'ENOMEM', 1, byStreams('ENOMEM', 'epoll_ctl')],
  'ENOSPC when it is to be watched': ['watch', 'ENOSPC', 1, byStreams('ENOSPC', 'epoll_ctl')],
  'EINTR at every second call, close among them': ['any', 'EINTR', 2, natively],
};

/** In threads that load the package. */
const LOADS = {
  "ENOMEM at the loop's handles": ['allocate', 'ENOMEM', 1, byStreams()],
  "EMFILE at the loop's epoll": ['create', 'EMFILE', 1, byStreams()],
};

async function provokeWith(faults, parties, cases, times, atOnce) {
  const rows = [];
  for (const [name, [kind, code, every, fault]] of Object.entries(cases)) {
    if (rows.length === 0) await provoke(parties, natively, 1);
    faults.set(kind, code, every);
    rows.push(
      await provokeAll(parties, name, fault, times, { atOnce, note: () => `${faults.struck(kind)} calls failed` }),
    );
    faults.clear(kind);
  }
  await parties.server.stop();
  return rows;
}

async function storm(times) {
  const faults = new Faults();
  faults.startSignals();
  const parties = startParties({ env: faults.env });
  await provoke(parties, natively, 1);
  const row = await provokeAll(parties, 'a signal 1,000 times a second', natively, times, {
    note: () => `interrupted ${faults.struck('signal')} times`,
  });
  await parties.server.stop();
  return row;
}

export async function run({ times }) {
  const faults = new Faults();
  const { env } = faults;
  const loading = { server: 'loading', env, execArgv: ['--disable-warning=LINGERING_CLOSE_FALLBACK'] };
  return [
    ...(await provokeWith(faults, startParties({ env }), CLOSES, times)),
    ...(await provokeWith(faults, startParties(loading), LOADS, times, 1)),
    await storm(times),
  ];
}

await main(import.meta.url, run);
