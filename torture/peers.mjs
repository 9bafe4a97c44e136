// Peers that misbehave, or just go away.
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../bench/lib/children.mjs';
import { measured, startServer } from './lib/server.mjs';
import { Tally } from './lib/tally.mjs';
import { main } from './lib/torture.mjs';

export const title = 'Peers';
export const what = `Raw peers, 50 at a time. What was delivered is what the peer has read, or has in its queue, when the report has come.`;

const script = fileURLToPath(new URL('lib/peers.py', import.meta.url));
const AT_ONCE = 50;
const KB = 1024;
const MB = 1024 * KB;
/** As small as the kernel has it: what the peer does not read stays with the server. */
const SHUT = { receiveBuffer: 4 * KB };
const IDLE = { options: { idleTimeout: 500 } };

/** By its name: what the peers do, with which options, how the server closes, and how that has to end. */
const FAULTS = {
  'killed in mid-upload, the answer in its queue': ['killed', { answered: true }, { bytes: 100 }, ['peer-reset', true]],
  'killed in mid-upload, most of the answer unsent': ['killed', SHUT, { bytes: 4 * MB }, ['peer-reset', false]],
  'killed in mid-upload, an HTTP server': ['killed', { answered: true }, { http: true, bytes: 100 }, ['peer-reset', true]],
  'RST before our FIN': ['reset_before_fin', SHUT, { bytes: 4 * MB }, ['peer-reset', false]],
  'RST after our FIN, all read': ['reset_after_fin', {}, { bytes: 100 }, ['peer-reset', true]],
  'RST after our FIN, nothing read': ['reset_unread', {}, { bytes: 100 }, ['peer-reset', true]],
  'RST after its own FIN, before ours': ['reset_after_own_fin', SHUT, { bytes: 64 * KB, when: 'end' }, ['peer-reset', false]],
  'RST after both': ['reset_after_both_fins', {}, { bytes: 100, when: 'end' }, ['eof', true]],
  'half-close, then silence, the answer small': ['half_close', {}, { bytes: 100, when: 'end' }, ['eof', true]],
  'half-close, then silence, the answer unread': ['half_close', SHUT, { bytes: 64 * KB, when: 'end', ...IDLE }, ['idle', false]],
  'zero window for ever, the answer in the kernel': ['silence', SHUT, { bytes: 64 * KB, ...IDLE }, ['idle', false]],
  'zero window for ever, the answer in the process': ['silence', SHUT, { bytes: 4 * MB, ...IDLE }, ['idle', false]],
};

async function provoke(server, [act, options, way, expected], count, tally) {
  const port = await server.ask('listen', way);
  const peers = startAnswering('python3', ['-u', script, act, JSON.stringify({ host: '127.0.0.1', port, count, ...options })]);
  const ports = await peers.ask('start');
  const reports = new Map((await server.ask('reports', count)).map((report) => [report.port, report]));
  const results = new Map((await peers.ask('finish')).map((result) => [result.port, result]));
  for (const each of ports)
    tally?.add(reports.get(each)?.outcome ?? 'no report', wrong(reports.get(each), results.get(each), way, expected));
  await peers.stop();
}

/** What is wrong with the end of a close, or nothing. */
function wrong(report, peer, { bytes, http }, [outcome, delivered]) {
  const all = `${JSON.stringify(report)} ${JSON.stringify(peer)}`;
  if (!report) return `no report: ${all}`;
  if (report.delivered === true && !(peer.fin && (http ? peer.got > bytes : peer.got === bytes)))
    return `delivered, but the peer has not got it: ${all}`;
  if (report.outcome !== outcome || report.delivered !== delivered) return `not ${outcome}, delivered ${delivered}: ${all}`;
  return undefined;
}

export async function run({ times }) {
  const rows = [];
  for (const [name, fault] of Object.entries(FAULTS)) {
    const server = await startServer('closing');
    await provoke(server, fault, 1);
    const tally = new Tally(name);
    const held = await measured(server, async () => {
      for (let left = times; left > 0; left -= AT_ONCE) await provoke(server, fault, Math.min(left, AT_ONCE), tally);
    });
    rows.push(tally.row(held));
    await server.stop();
  }
  return rows;
}

await main(import.meta.url, run);
