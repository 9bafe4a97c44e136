// Raw peers (peers.py) against torture/servers/closing.mjs. Compares the report of each close with what its peer saw.
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../../lab/children.mjs';
import { measured, startServer } from './server.mjs';
import { Tally } from './tally.mjs';

const script = fileURLToPath(new URL('peers.py', import.meta.url));

/** More connections at once would wait for each other. */
const AT_ONCE = 50;

/** A server and its peers. `prefix`: a command in front of both. The other options are for the server. */
export function startParties({ server = 'closing', prefix = [], ...options } = {}) {
  return { server: startServer(server, { prefix, ...options }), peers: startPeers(prefix) };
}

export function startPeers(prefix = []) {
  const [command, ...args] = [...prefix, 'python3', '-u', script];
  const peers = startAnswering(command, args);
  return { ...peers, ask: (name, argument) => peers.ask(argument ? `${name} ${JSON.stringify(argument)}` : name) };
}

/**
 * Provokes a fault `times` times, and makes a row of it.
 *
 * @param fault `act` and `peer`: what the peers do, and their options. `way`: how the server closes. `outcome` and
 *   `delivered`: how the close must end (`delivered` lists all permitted values). `between`: is called with the parties
 *   and the number of connections between the two stages, and returns the reports. `expected`: other fields of a
 *     report.
 * @param options.note returns the note of the row
 */
export async function provokeAll(parties, name, fault, times, { atOnce = AT_ONCE, note = () => '' } = {}) {
  const tally = new Tally(name);
  const held = await measured(parties.server, async () => {
    let left = times;
    // On a machine that stalls all the time nothing is ever provoked: give up.
    for (let i = 0; left > 0 && i < 10 * times; i++)
      left -= await provoke(parties, fault, Math.min(left, atOnce), tally);
    if (left > 0) tally.add('not provoked', `${left} of them: the machine delayed the peers`);
  });
  return tally.row(held, note());
}

/**
 * Provokes a fault `count` times at once, without a row.
 * @returns how many were really provoked. A peer that must keep its connection busy, and was itself delayed for longer
 *   than the idle time, has not provoked anything.
 */
export async function provoke(parties, fault, count, tally) {
  const { act, peer, way, between = goOn, host = '127.0.0.1' } = fault;
  const port = await parties.server.ask('listen', { ...way, host });
  const ports = await parties.peers.ask('start', { act, host, ports: Array(count).fill(port), ...peer });
  const reports = byPort(await between(parties, count));
  const results = byPort(await parties.peers.ask('finish'));
  let provoked = 0;
  for (const each of ports) {
    const [report, result] = [reports.get(each), results.get(each)];
    if (fault.outcome !== 'idle' && report?.outcome === 'idle' && result.gap >= way.options?.idleTimeout) continue;
    provoked++;
    tally?.add(report?.outcome ?? 'no report', complaint(report, result, fault));
  }
  return provoked;
}

async function goOn({ server, peers }, count) {
  await peers.ask('go');
  return server.ask('reports', count);
}

const byPort = (list) => new Map(list.map((each) => [each.port, each]));

/** What is wrong with the end of a close, or nothing. */
function complaint(report, peer, { way: { bytes, http }, outcome, delivered, expected = {} }) {
  const whole = peer.fin && (http ? peer.got > bytes : peer.got === bytes);
  const wrong = () => {
    if (!report) return 'no report';
    if (report.delivered === true && !whole) return 'delivered, but the peer does not have it';
    if (report.outcome !== outcome || !delivered.includes(report.delivered))
      return `not ${outcome}, delivered ${delivered.join(' or ')}`;
    if (outcome === 'eof' && peer.error) return 'the peer was reset';
    if (outcome === 'eof' && !whole) return 'the peer does not have everything';
    // The report does not count the bytes that an HTTP server had read of the request before.
    if (outcome === 'eof' && !http && peer.sent !== undefined && report.discardedBytes !== peer.sent)
      return 'not everything was discarded';
    const other = Object.keys(expected).find((key) => report[key] !== expected[key]);
    return other && `not ${expected[other]}`;
  };
  const what = wrong();
  return what && `${what}: ${JSON.stringify(report)} ${JSON.stringify(peer)}`;
}
