// Clients of a server under test, in a process of their own. Each step is done by all of them: see clients.py.
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../../lab/children.mjs';

const script = fileURLToPath(new URL('clients.py', import.meta.url));

export function startClients() {
  const child = startAnswering('python3', ['-u', script]);
  return { stop: child.stop, do: (step, given = {}) => child.ask(JSON.stringify({ do: step, ...given })) };
}

/** Calls `group` with the sizes of groups that are `times` together. */
export async function inGroups(times, atOnce, group) {
  for (let left = times; left > 0; left -= atOnce) await group(Math.min(left, atOnce));
}

/** The reports of a server, by the port of the peer. */
export function byPort(reports) {
  return new Map(reports.map((report) => [report.port, report]));
}

/** What is wrong with a client and its report: it must have everything, and be told so. */
export function wrongWithWhole(report, client, outcome = 'eof') {
  if (!client.whole || client.end !== 'eof') return `the client has not everything: ${JSON.stringify(client)}`;
  if (!report) return 'no report';
  if (report.outcome !== outcome || report.delivered !== true)
    return `not ${outcome} and delivered: ${JSON.stringify(report)}`;
  return undefined;
}

/** What is wrong with a report: nothing may be told as delivered that the client has not got. */
export function wrongClaim(report, client) {
  if (!report) return undefined;
  if (report.delivered !== true || (client.whole && client.end === 'eof')) return undefined;
  return `told as delivered, and the client has not everything: ${JSON.stringify({ report, client })}`;
}
