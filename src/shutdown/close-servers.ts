// closeServers: a graceful shutdown of all servers of the process.

import type { Server } from 'node:net';
import { now } from '../core/time.ts';
import { listeningServers } from '../server/known-servers.ts';
import { closeChecked } from './close-server.ts';
import type { CheckedCloseServerOptions } from './close-server-options.ts';
import type { CheckedCloseServersOptions, CloseServersOptions } from './close-servers-options.ts';
import { checkCloseServersOptions } from './close-servers-options.ts';
import type { Hold } from './server-shutdown.ts';
import type { ClosedServer, ServersCloseReport } from './servers-close-report.ts';

/**
 * Closes all servers of the process that listen, as {@link closeServer} does with one: HTTP, HTTPS, HTTP/2, net and TLS
 * servers, on TCP ports and UNIX sockets, also those that a framework or a library has opened. All of them have the
 * same times, counted from this call.
 *
 * It finds the servers of {@link lingerOnClose} and of `lingering-close/register`, each server that began to listen
 * after the package was loaded, and of the others each one that keeps the process alive. One that was closed already
 * and still has connections counts too. It cannot find a server that has listened since before the package was loaded
 * and was unref()ed, or whose cluster primary listens for it, unless it had a connection under `register`; and no
 * server that is not a `net.Server` of this thread (another Worker; an addon, such as uWS or grpc's C core). Pass a
 * `net.Server` among these as `also`, and close the others yourself.
 *
 * A second call closes what listens by then, and waits for the first: see {@link closeServer}.
 *
 * @param options those of {@link closeServer}, `servers`, `also` and `last`; times are milliseconds. Process warnings:
 * as with {@link closeServer}
 * @returns resolves with a {@link ServersCloseReport}, always; never rejects for what a peer does
 * @throws before anything is touched: as {@link closeServer}
 *
 * Platforms: as {@link lingerOnClose}. Source: the diagnostics channel `net.server.listen` of Node.
 */
export function closeServers(options?: CloseServersOptions): Promise<ServersCloseReport> {
  return closeAll(checkCloseServersOptions(options));
}

/** @param hold where the shutdown has to wait before it begins: the servers are found at once */
export async function closeAll(options: CheckedCloseServersOptions, hold?: Hold): Promise<ServersCloseReport> {
  const { servers, also, last, ...each } = options;
  const first = new Set([...(servers ?? listeningServers()), ...also]);
  for (const server of last) first.delete(server);
  const startedAt = now();
  // The same times for all, though the application may close one of the first while they are held.
  const begin = () => ({ ...(hold?.times() ?? each), begunAt: now() });
  const begun = hold ? hold.over.then(begin) : begin();
  const reports = await closeEach(first, each, hold);
  const { drainDelay, timeout, lingerTimeout, begunAt } = await begun;
  if (last.length > 0) {
    const left = begunAt + drainDelay + timeout - now();
    const limits = {
      drainDelay: 0,
      timeout: Math.max(left, 0),
      lingerTimeout: Math.max(Math.min(lingerTimeout, left + lingerTimeout), 0),
    };
    reports.push(...(await closeEach(new Set(last), { ...each, ...limits })));
  }
  return reportOf(reports, now() - startedAt);
}

export function reportOf(servers: ClosedServer[], duration: number): ServersCloseReport {
  const sum = (figure: 'idle' | 'finished' | 'cut') => servers.reduce((total, report) => total + report[figure], 0);
  return {
    idle: sum('idle'),
    finished: sum('finished'),
    cut: sum('cut'),
    servers,
    duration,
    aborted: servers.some(({ aborted }) => aborted),
  };
}

function closeEach(servers: Set<Server>, options: CheckedCloseServerOptions, hold?: Hold): Promise<ClosedServer[]> {
  return Promise.all([...servers].map((server) => closeOne(server, options, hold)));
}

export async function closeOne(server: Server, options: CheckedCloseServerOptions, hold?: Hold): Promise<ClosedServer> {
  const address = addressOf(server);
  return { server, address, ...(await closeChecked(server, options, hold)) };
}

function addressOf(server: Server): ClosedServer['address'] {
  try {
    return server.address();
  } catch {
    // A method of the application, or a descriptor that tells no address.
    return null;
  }
}
