// The cost of a discard depends on who frees the packets. A packet that another processor has allocated is handed back
// to that processor (skb_attempt_defer_free), unless net.core.skb_defer_max packets wait there already. Linux 6.18 can
// lose count: when a list is filled while it is emptied (skb_defer_free_flush), its count stays above zero without
// packets, and while the list is empty nothing resets the count. Once the count is over the limit, the reader frees all
// packets itself, for two or three times the CPU, until the limit is above the count for a moment. (Each processor has
// a count, and on larger machines one for each NUMA node of a reader. The counts of other nodes are not reset here.)
import { readFileSync, writeFileSync } from 'node:fs';
import { runText, startServer } from '../../lab/children.mjs';
import { compile } from '../../lab/compile.mjs';
import { canPin, on, processors } from './processors.mjs';

const LIMIT = '/proc/sys/net/core/skb_defer_max';
const NO_LIMIT = 2 ** 31 - 1;
const BYTES = 5e7;
const MARK = 1 << 20;

let programs;

/** Makes the processors count from zero. Does nothing when the limit is 0 (no packets are handed back) or none. */
export async function countDeferredFreesAnew(bench) {
  const unable = (reason) =>
    bench.note('net.core.skb_defer_max', `${reason}: where the kernel has lost count of deferred frees, it stays so`);
  if (!canPin) return unable('taskset is not installed');
  let limit;
  try {
    limit = readFileSync(LIMIT, 'utf8');
    if (Number(limit) === 0 || Number(limit) === NO_LIMIT) return;
    writeFileSync(LIMIT, String(NO_LIMIT));
  } catch (error) {
    return unable(`cannot be set (${error.code})`);
  }
  const restore = () => writeFileSync(LIMIT, limit);
  process.once('exit', restore);
  try {
    programs ??= { reader: compile('discard'), sender: compile('sender') };
    for (const [i, processor] of processors.entries()) await send(processor, processors[(i + 1) % processors.length]);
  } finally {
    restore();
    process.removeListener('exit', restore);
  }
}

async function send(from, to) {
  const reader = await startServer([...on(to), programs.reader, 0, MARK]);
  try {
    const [command, ...args] = [...on(from), programs.sender, reader.port, 1, BYTES, 0];
    await runText(command, args);
  } finally {
    await reader.stop();
  }
}
