// The kernel's counters of connections that ended by reset.

import { readFileSync } from 'node:fs';
import { codedError } from '../core/errors.ts';

/**
 * Totals since the network namespace was made (the first one: since boot). They never decrease. They count connections;
 * `resetsSent` counts segments.
 */
export interface TcpAbortCounters {
  /** Closed with unread data in the receive queue (`TCPAbortOnClose`): what a lingering close avoids. */
  abortOnClose: number;
  /**
   * Data arrived for a closed socket whose FIN the peer had not acknowledged yet, or SO_LINGER {1, 0} asked for a RST
   * (`TCPAbortOnData`).
   */
  abortOnData: number;
  /**
   * Closed, and dropped as soon as FIN was acknowledged, in place of a wait for the peer's FIN: a TCP_LINGER2 below 0
   * asks for that (`TCPAbortOnLinger`). The package never sets it.
   */
  abortOnLinger: number;
  /** No answer to retransmissions or keep-alive probes (`TCPAbortOnTimeout`). */
  abortOnTimeout: number;
  /** Out of memory, or more closed sockets than `tcp_max_orphans` (`TCPAbortOnMemory`). */
  abortOnMemory: number;
  /** The RST itself could not be sent (`TCPAbortFailed`). */
  abortFailed: number;
  /**
   * All segments with RST that were sent (`OutRsts`), including those that refuse a connection. It is the only counter
   * for data that comes when the connection is in TIME_WAIT: behind a linger that a limit has ended, for example.
   */
  resetsSent: number;
}

/**
 * Reads the kernel's counters of aborted TCP connections, for the network namespace of the process. Compare two
 * readings to see whether clients are reset. `abortOnClose` and `abortOnData` do not tell of all of them: see
 * `resetsSent`. A counter that the kernel does not have is 0.
 *
 * @returns see {@link TcpAbortCounters}
 * @throws `ERR_UNSUPPORTED_PLATFORM` on other systems than Linux, and where the kernel has no such tables; the error of
 * `fs.readFileSync` where /proc cannot be read
 *
 * Platforms: Linux; needs no addon. Source: /proc/net/netstat (TcpExt) and /proc/net/snmp (Tcp), proc(5) and the
 * kernel's snmp_counter.rst.
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

/** Each table has two lines, "Name: column ..." and "Name: figure ...". */
function readTable(file: string, name: string): Map<string, number> {
  const [columns, figures = []] = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.split(' ').slice(1));
  // A sandbox that only looks like Linux has no table. To report 0 would be untrue.
  if (!columns) throw codedError(Error, 'ERR_UNSUPPORTED_PLATFORM', `${file} has no table ${name}`);
  return new Map(columns.map((column, index) => [column, Number(figures[index])]));
}
