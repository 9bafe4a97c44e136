import type { AddressInfo, Server } from 'node:net';
import type { ServerCloseReport } from './server-close-report.ts';

/** How one of several servers was closed. */
export interface ClosedServer extends ServerCloseReport {
  server: Server;
  /** Where the server listened: what `server.address()` said before. */
  address: AddressInfo | string | null;
}

/** How the servers of a process were closed. The figures are the sums of those of the servers. */
export interface ServersCloseReport {
  idle: number;
  finished: number;
  cut: number;
  /** One for each server: those of `last` are at the end. */
  servers: ClosedServer[];
  /** Milliseconds. */
  duration: number;
  /** Whether `signal` cut the shutdown short. */
  aborted: boolean;
}
