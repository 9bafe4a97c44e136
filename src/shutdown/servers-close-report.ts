import type { AddressInfo, Server } from 'node:net';
import type { ServerCloseReport } from './server-close-report.ts';

/** How one of several servers was closed. */
export interface ClosedServer extends ServerCloseReport {
  server: Server;
  /** Where the server listened: what `server.address()` said before; null where it threw. */
  address: AddressInfo | string | null;
}

/** How the servers of a process were closed. The figures are the sums of those of the servers. */
export interface ServersCloseReport {
  /** Connections that had nothing to do: see {@link ServerCloseReport}. */
  idle: number;
  /** Connections that ended by themselves. */
  finished: number;
  /** Connections that were cut off, or lost a request that the server knew of. */
  cut: number;
  /** One for each server: those of `last` are at the end. */
  servers: ClosedServer[];
  /** Milliseconds from the call to the report. */
  duration: number;
  /** Whether a `signal` cut the shutdown of one of them short. */
  aborted: boolean;
}
