// What the kernel counts of connections that ended by reset.

import { readFileSync } from 'node:fs';
import { codedError } from '../core/errors.ts';

/** Totals since boot, or since the network namespace was made. All of them grow only. */
export interface TcpAbortCounters {
  /** Closed with unread data in the receive queue (`TCPAbortOnClose`): what a lingering close avoids. */
  abortOnClose: number;
  /** Data came for a socket that was closed already, or SO_LINGER {1, 0} asked for the reset (`TCPAbortOnData`). */
  abortOnData: number;
  /** Closed, and the peer went on past the time for FIN_WAIT2 that TCP_LINGER2 set (`TCPAbortOnLinger`). */
  abortOnLinger: number;
  /** Given up after retransmissions or keep-alive probes without an answer (`TCPAbortOnTimeout`). */
  abortOnTimeout: number;
  /** Given up for lack of memory, or over `tcp_max_orphans` (`TCPAbortOnMemory`). */
  abortOnMemory: number;
  /** The RST itself could not be sent (`TCPAbortFailed`). */
  abortFailed: number;
  /** All segments with RST that were sent (`OutRsts`), refused connections among them. */
  resetsSent: number;
}

/**
 * The kernel's counters of aborted TCP connections, for the network namespace of the process: compare two readings to see whether clients are being
 * cut off.
 *
 * @throws `ERR_UNSUPPORTED_PLATFORM` on anything but Linux, and where the kernel keeps no such tables; what `fs.readFileSync` throws where /proc may not be read
 *
 * Platforms: Linux; needs no addon. Source: /proc/net/netstat (TcpExt) and /proc/net/snmp (Tcp), proc(5) and the kernel's snmp_counter.rst.
 */
export function tcpAbortCounters(): TcpAbortCounters {
  if (process.platform !== 'linux') {
    throw codedError(
      Error,
      'ERR_UNSUPPORTED_PLATFORM',
      `tcpAbortCounters() reads /proc of Linux, and this is ${process.platform}`,
    );
  }
  const extended = readTable('/proc/net/netstat', 'TcpExt');
  const basic = readTable('/proc/net/snmp', 'Tcp');
  return {
    abortOnClose: extended.get('TCPAbortOnClose') ?? 0,
    abortOnData: extended.get('TCPAbortOnData') ?? 0,
    abortOnLinger: extended.get('TCPAbortOnLinger') ?? 0,
    abortOnTimeout: extended.get('TCPAbortOnTimeout') ?? 0,
    abortOnMemory: extended.get('TCPAbortOnMemory') ?? 0,
    abortFailed: extended.get('TCPAbortFailed') ?? 0,
    resetsSent: basic.get('OutRsts') ?? 0,
  };
}

/** Two lines a table, "Name: column ..." and "Name: figure ...". */
function readTable(file: string, name: string): Map<string, number> {
  const [columns, figures = []] = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.split(' ').slice(1));
  // A sandbox that only looks like Linux: no figures are not figures of 0.
  if (!columns) throw codedError(Error, 'ERR_UNSUPPORTED_PLATFORM', `${file} has no table ${name}`);
  return new Map(columns.map((column, index) => [column, Number(figures[index])]));
}
