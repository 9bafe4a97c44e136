// How many descriptors a process may have open (RLIMIT_NOFILE), and how many of them lingers may take.
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
    return parseLimits(readFileSync('/proc/self/limits', 'latin1'));
  } catch {
    // There is no /proc, or --permission does not allow to read it.
    return Infinity;
  }
}

/** The soft limit in the text of `/proc/<pid>/limits`; `Infinity` for "unlimited". */
export function parseLimits(text: string): number {
  const [, soft] = /^Max open files\s+(\d+)/m.exec(text) ?? [];
  return soft === undefined ? Infinity : Number(soft);
}

/** What `LINGERING_CLOSE_MAX_LINGERING` says; undefined where `lingering-close/register` refuses it. */
export function parseMaxLingering(text: string): number | undefined {
  return /^\d+$|^Infinity$/.test(text) ? Number(text) : undefined;
}

/** Each lingering connection holds a descriptor. Where few may be open, most are left for connections in use. */
export function defaultMaxLingering(openFiles = openFileLimit()): number {
  return Math.min(1_000, Math.floor(openFiles / 4));
}
