// What the outside can watch: node:diagnostics_channel, `lingering-close:start` and `lingering-close:end`. Nobody listening, nothing is done.

import diagnostics from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import type { CloseReport } from './close-report.ts';

/** The two ends of the connection; all `undefined` for a UNIX socket. */
export interface ConnectionAddresses {
  localAddress: string | undefined;
  localPort: number | undefined;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  remoteFamily: string | undefined;
}

/** What `lingering-close:start` carries. */
export interface CloseStart extends ConnectionAddresses {
  socket: Socket;
  server: Server | undefined;
}

/** What `lingering-close:end` carries. Not the socket, which is gone by then. */
export interface CloseEnd extends ConnectionAddresses {
  report: CloseReport;
  server: Server | undefined;
}

const start = diagnostics.channel('lingering-close:start');
const end = diagnostics.channel('lingering-close:end');

/** @returns what {@link publishEnd} wants, or nothing where nobody listens */
export function publishStart(socket: Socket): Omit<CloseEnd, 'report'> | undefined {
  if (!start.hasSubscribers && !end.hasSubscribers) return undefined;
  const { localAddress, localPort, remoteAddress, remotePort, remoteFamily } = socket;
  const { server } = socket as { server?: Server };
  const connection = { server, localAddress, localPort, remoteAddress, remotePort, remoteFamily };
  if (start.hasSubscribers) start.publish({ ...connection, socket } satisfies CloseStart);
  return connection;
}

export function publishEnd(connection: Omit<CloseEnd, 'report'>, report: CloseReport): void {
  if (end.hasSubscribers) end.publish({ ...connection, report } satisfies CloseEnd);
}
