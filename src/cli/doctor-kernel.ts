// The kernel's settings and counters, for the doctor.

import { readFileSync } from 'node:fs';
import type { TcpAbortCounters } from '../system/counters.ts';
import { tcpAbortCounters } from '../system/counters.ts';
import { defaultMaxLingering, parseMaxLingering } from '../system/open-file-limit.ts';
import type { Reading } from './reading.ts';
import { notAvailable } from './reading.ts';

export function readOpenFiles(): Reading {
  const { userLimits } = process.report.getReport() as {
    userLimits?: { open_files?: { soft: unknown; hard: unknown } };
  };
  const limit = userLimits?.open_files;
  if (!limit) return notAvailable('open_files', `${process.platform} sets no such limit`);
  const { soft, hard } = limit;
  const asNumber = (value: unknown) => (value === 'unlimited' ? Infinity : value);
  return {
    name: 'open_files',
    value: { soft: asNumber(soft), hard: asNumber(hard) },
    text: `${soft} / ${hard}`,
    meaning: 'soft / hard limit; each linger holds one',
  };
}

/** How many connections of a process with these limits and this environment may linger at once. */
export function readMaxLingering(): Reading {
  const given = process.env['LINGERING_CLOSE_MAX_LINGERING'];
  const value = given ? parseMaxLingering(given) : defaultMaxLingering();
  if (value === undefined) {
    const what = 'LINGERING_CLOSE_MAX_LINGERING is no integer';
    return notAvailable('maxLingering', `${what}, and register refuses to start`);
  }
  const meaning = given
    ? 'by LINGERING_CLOSE_MAX_LINGERING, under lingering-close/register'
    : 'by default: 1,000, or a quarter of the open-file limit where that is less';
  return { name: 'maxLingering', value, meaning };
}

interface Setting {
  name: string;
  unit?: 's' | 'MiB';
  /** Which of the numbers in the file, counted from 0. Default 0. */
  field?: number;
  meaning: string;
}

// Sources: the kernel's ip-sysctl.rst; tcp_close() and tcp_timer.c in Linux.
const SETTINGS: Setting[] = [
  { name: 'tcp_fin_timeout', unit: 's', meaning: "wait for the peer's FIN after a close, not in a linger" },
  { name: 'tcp_max_orphans', meaning: 'closed sockets with output left; those above are reset' },
  { name: 'tcp_orphan_retries', meaning: 'retransmissions after a close; 0 stands for 8' },
  { name: 'tcp_retries2', meaning: 'retransmissions in a linger; 15 is some 15 minutes' },
  { name: 'tcp_rmem max', unit: 'MiB', field: 2, meaning: 'input buffer: one unread byte makes a plain close a reset' },
  { name: 'tcp_wmem max', unit: 'MiB', field: 2, meaning: 'output buffer: what is still in it, a reset throws away' },
];

export function readSettings(): Reading[] {
  return SETTINGS.map(({ name, unit = '', field = 0, meaning }) => {
    if (process.platform !== 'linux')
      return notAvailable(name, `it is a setting of Linux, and this is ${process.platform}`);
    const file = `/proc/sys/net/ipv4/${name.split(' ')[0]}`;
    try {
      const value = Number(readFileSync(file, 'utf8').trim().split(/\s+/)[field]);
      const figure = unit === 'MiB' ? Number((value / 2 ** 20).toFixed(1)) : value;
      return { name, value, text: `${figure} ${unit}`.trim(), meaning };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return notAvailable(name, code === 'ENOENT' ? 'this network namespace (a container?) does not show it' : message);
    }
  });
}

const COUNTERS: Record<keyof TcpAbortCounters, string> = {
  abortOnClose: 'closed with unread input: what a lingering close avoids',
  abortOnData: 'input right after the close, or a reset on purpose (SO_LINGER {1, 0})',
  abortOnLinger: "dropped in place of a wait for the peer's FIN, by a TCP_LINGER2 below 0",
  abortOnTimeout: 'no answer to retransmissions or keep-alive probes',
  abortOnMemory: 'out of memory, or more than tcp_max_orphans',
  abortFailed: 'the RST itself could not be sent',
  resetsSent: 'all segments with RST; the only count of resets behind a linger that a limit ended',
};

export function readCounters(): Reading[] {
  const entries = Object.entries(COUNTERS) as [keyof TcpAbortCounters, string][];
  try {
    const counters = tcpAbortCounters();
    return entries.map(([name, meaning]) => ({ name, value: counters[name], meaning }));
  } catch (error) {
    return entries.map(([name]) => notAvailable(name, (error as Error).message));
  }
}
