// Peers that misbehave, or that vanish.
import { provoke, provokeAll, startParties } from './lib/raw-peers.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Peers';
export const what = `Raw peers, 50 at a time. What counts as delivered is what the peer has read, or has in its queue,
at the time of the report.`;

const KB = 1024;
const MB = 1024 * KB;
/** The smallest that the kernel permits: what the peer does not read stays with the server. */
const SHUT = { receiveBuffer: 4 * KB };
const IDLE = { options: { idleTimeout: 500 } };

const ANY = [true, false, null];

/**
 * By name: the act of the peers and its options, how the server closes, the outcome, and the permitted values of
 * `delivered`. A last number says how many connections run at once, where all of them would take longer than a linger
 * may. `awaits`: what must happen before the second stage of the peers.
 */
function faults(quick) {
  const flood = quick ? 100 * MB : 10_000_000_000;
  return {
    'kill -9 in mid-upload, the answer arrived': ['killed', { answered: true }, { bytes: 100 }, 'peer-reset', [true]],
    'kill -9 in mid-upload, most of the answer unsent': ['killed', SHUT, { bytes: 4 * MB }, 'peer-reset', [false]],
    'kill -9 in mid-upload, an HTTP server': [
      'killed',
      { answered: true },
      { http: true, bytes: 100 },
      'peer-reset',
      [true],
    ],
    'RST before our FIN': ['reset_before_fin', SHUT, { bytes: 4 * MB }, 'peer-reset', [false]],
    'RST right behind our FIN': ['reset_after_fin', {}, { bytes: 100 }, 'peer-reset', ANY],
    'RST in the linger, all read': [
      'reset_in_linger',
      { awaits: 'linger', reads: true },
      { bytes: 100 },
      'peer-reset',
      [true],
    ],
    'RST in the linger, a part unacknowledged': [
      'reset_in_linger',
      { ...SHUT, awaits: 'linger' },
      { bytes: 64 * KB },
      'peer-reset',
      [false],
    ],
    'RST after its own FIN, before ours': [
      'reset_after_own_fin',
      SHUT,
      { bytes: 4 * MB, when: 'end' },
      'peer-reset',
      [false],
    ],
    'RST after its own FIN, ours on its way': [
      'reset_after_own_fin',
      { ...SHUT, awaits: 'linger' },
      { bytes: 64 * KB, when: 'end' },
      'peer-reset',
      [false],
    ],
    'RST after both': ['reset_after_both_fins', {}, { bytes: 100, when: 'end' }, 'eof', [true]],
    'half-close, then silence, the answer arrived': ['half_close', {}, { bytes: 100, when: 'end' }, 'eof', [true]],
    'half-close, then silence, the answer unread': [
      'half_close',
      SHUT,
      { bytes: 64 * KB, when: 'end', ...IDLE },
      'idle',
      [false],
    ],
    'zero window for ever, the answer in the kernel': ['silence', SHUT, { bytes: 64 * KB, ...IDLE }, 'idle', [false]],
    'zero window for ever, the answer in the process': ['silence', SHUT, { bytes: 4 * MB, ...IDLE }, 'idle', [false]],
    'zero window for ever, and it sends without end': [
      'pour',
      SHUT,
      { bytes: 64 * KB, options: { idleTimeout: 1_000, timeout: 2_000, minRate: 0 } },
      'timeout',
      [false],
    ],
    'one byte every idleTimeout minus a little': [
      'drip',
      { every: 800 },
      { bytes: 100, options: { idleTimeout: 1_000, timeout: quick ? 2_000 : 5_000 } },
      'timeout',
      [true],
    ],
    'one byte every 50 ms, which is more than minRate: ten times timeout': [
      'drip',
      { every: 50 },
      { bytes: 100, options: { timeout: 500, minRate: 5 } },
      'timeout',
      [true],
    ],
    'one byte every 50 ms, which is less than minRate: timeout': [
      'drip',
      { every: 50 },
      { bytes: 100, options: { timeout: 500, minRate: 100 } },
      'timeout',
      [true],
    ],
    'sends 10 GB, with maxBytes: 1,000,000': [
      'flood',
      { bytes: flood },
      { bytes: 100, options: { maxBytes: 1_000_000 } },
      'max-bytes',
      ANY,
    ],
    'sends 10 GB, and all of it is taken': ['flood', { bytes: flood }, { bytes: 100 }, 'eof', [true], 2],
  };
}

async function whenLingering({ server, peers }, count) {
  await server.ask('closed', count);
  await peers.ask('go');
  return server.ask('reports', count);
}

export async function run({ quick, times }) {
  const parties = startParties();
  // The first connection sets things up that stay.
  await provoke(parties, { act: 'silence', peer: {}, way: { bytes: 100, options: { idleTimeout: 50 } } }, 1);
  const rows = [];
  for (const [name, [act, peer, way, outcome, delivered, atOnce]] of Object.entries(faults(quick))) {
    const fault = { act, peer, way, outcome, delivered, ...(peer.awaits && { between: whenLingering }) };
    rows.push(await provokeAll(parties, name, fault, times, { atOnce }));
  }
  return rows;
}

await main(import.meta.url, run);
