// How many descriptors the process may have open (RLIMIT_NOFILE).
import { readFileSync } from 'node:fs';

let limit: number | undefined;

/** The soft limit, read once; `Infinity` where it is not known. Source: proc_pid_limits(5). */
export function openFileLimit(): number {
  limit ??= readLimit();
  return limit;
}

function readLimit(): number {
  if (process.platform !== 'linux') return Infinity;
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? [];
    return soft === undefined ? Infinity : Number(soft);
  } catch {
    // There is no /proc, or --permission does not allow to read it.
    return Infinity;
  }
}
