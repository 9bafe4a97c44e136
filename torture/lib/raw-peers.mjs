// Raw peers (peers.py) against torture/servers/closing.mjs, and whether what the server reports of each is what its peer has met.
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../../lab/children.mjs';
import { measured, startServer } from './server.mjs';
import { Tally } from './tally.mjs';

const script = fileURLToPath(new URL('peers.py', import.meta.url));

/** More connections than that at once would be waiting for each other. */
const AT_ONCE = 50;

/** A server and its peers; `prefix`: a command in front of each. The other options are those of the server. */
export function startParties({ server = 'closing', prefix = [], ...options } = {}) {
  return { server: startServer(server, { prefix, ...options }), peers: startPeers(prefix) };
}

export function startPeers(prefix = []) {
  const [command, ...args] = [...prefix, 'python3', '-u', script];
  const peers = startAnswering(command, args);
  return { ...peers, ask: (name, argument) => peers.ask(argument ? `${name} ${JSON.stringify(argument)}` : name) };
}

/**
 * Provokes a fault so many times, and makes a row of it.
 *
 * `fault`: `act` and `peer` are what the peers do and with which options, `way` how the server closes, `outcome` and `delivered` (all that may be) how that has to end. `between` is called in
 * the midst of it, with the parties and the number of connections, and gives the reports. `expected`: more that the report has to say. `note` is called for the note of the row.
 */
export async function provokeAll(parties, name, fault, times, { atOnce = AT_ONCE, note = () => '' } = {}) {
  const tally = new Tally(name);
  const held = await measured(parties.server, async () => {
    let left = times;
    // On a machine that stalls all the time nothing is ever provoked.
    for (let i = 0; left > 0 && i < 10 * times; i++)
      left -= await provoke(parties, fault, Math.min(left, atOnce), tally);
    if (left > 0) tally.add('not provoked', `${left} of them: the peers were held up themselves`);
  });
  return tally.row(held, note());
}

/**
 * Once or more often, without a row. Gives how many of them were: a peer that was to keep its connection from being idle, and was held up for longer than that itself, has not
 * provoked anything.
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
    if (report.delivered === true && !whole) return 'delivered, but the peer has not got it';
    if (report.outcome !== outcome || !delivered.includes(report.delivered))
      return `not ${outcome}, delivered ${delivered.join(' or ')}`;
    if (outcome === 'eof' && peer.error) return 'the peer was reset';
    if (outcome === 'eof' && !whole) return 'the peer has not got everything';
    // What an HTTP server had read of the request before is not in the report.
    if (outcome === 'eof' && !http && peer.sent !== undefined && report.discardedBytes !== peer.sent)
      return 'not everything was discarded';
    const other = Object.keys(expected).find((key) => report[key] !== expected[key]);
    return other && `not ${expected[other]}`;
  };
  const what = wrong();
  return what && `${what}: ${JSON.stringify(report)} ${JSON.stringify(peer)}`;
}
