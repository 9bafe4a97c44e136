import type { Times } from './server-shutdown.ts';

/**
 * The times of the servers, made shorter where they do not fit into `ms`. The lingers get what the others leave, and a
 * fifth where that is more. `timeout` goes before the drain: most requests need little of it, and a drain that is too
 * short loses new connections each time. But of a time that is too short for both each gets a half.
 */
export function shortenTimes({ drainDelay: drain, timeout, lingerTimeout: linger }: Times, ms: number): Times {
  if (ms === Infinity) return { drainDelay: drain, timeout, lingerTimeout: linger };
  const all = Math.max(ms, 0);
  const lingerTimeout = Math.min(linger, Math.max(all / 5, all - drain - timeout));
  const left = all - lingerTimeout;
  const drainDelay = Math.min(drain, Math.max(left / 2, left - timeout));
  return { drainDelay, timeout: Math.min(timeout, left - drainDelay), lingerTimeout };
}
