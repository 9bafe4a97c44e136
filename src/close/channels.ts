// The channels of node:diagnostics_channel on which a program can watch closes: `lingering-close:start` and
// `lingering-close:end`. Without a subscriber they cost nothing.

import diagnostics from 'node:diagnostics_channel';
import type { Server, Socket } from 'node:net';
import type { CloseReport } from './close-report.ts';

/** The addresses of a connection; all `undefined` for a UNIX socket. */
export interface ConnectionAddresses {
  localAddress: string | undefined;
  localPort: number | undefined;
  remoteAddress: string | undefined;
  remotePort: number | undefined;
  /** `'IPv4'` or `'IPv6'`. */
  remoteFamily: string | undefined;
}

/** The message of `lingering-close:start`. */
export interface CloseStart extends ConnectionAddresses {
  /** What is being closed. Under TLS this may be the TLSSocket, or the connection under it. */
  socket: Socket;
  /** The server that has accepted the connection; `undefined` for a connection of a client. */
  server: Server | undefined;
}

/**
 * The message of `lingering-close:end`. It has no `socket`, which is destroyed by then. There is none for a close that
 * began when neither channel had a subscriber.
 */
export interface CloseEnd extends ConnectionAddresses {
  /** How the close ended. */
  report: CloseReport;
  /** The server that has accepted the connection; `undefined` for a connection of a client. */
  server: Server | undefined;
}

const start = diagnostics.channel('lingering-close:start');
const end = diagnostics.channel('lingering-close:end');

/** Whether a program watches the closes. */
export function hasListeners(): boolean {
  return start.hasSubscribers || end.hasSubscribers;
}

/** @returns the first argument of {@link publishEnd}; `undefined` where neither channel has a subscriber */
export function publishStart(socket: Socket): Omit<CloseEnd, 'report'> | undefined {
  if (!hasListeners()) return undefined;
  const { localAddress, localPort, remoteAddress, remotePort, remoteFamily } = socket;
  const { server } = socket as { server?: Server };
  const connection = { server, localAddress, localPort, remoteAddress, remotePort, remoteFamily };
  if (start.hasSubscribers) start.publish({ ...connection, socket } satisfies CloseStart);
  return connection;
}

export function publishEnd(connection: Omit<CloseEnd, 'report'>, report: CloseReport): void {
  if (end.hasSubscribers) end.publish({ ...connection, report } satisfies CloseEnd);
}
