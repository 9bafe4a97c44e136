// What a discard costs hangs on who frees the packets. A packet that another processor has allocated is handed back to it (skb_attempt_defer_free),
// unless as many as net.core.skb_defer_max wait there already. Linux 6.18 can lose count: a list that is filled while it is being emptied
// (skb_defer_free_flush) leaves a count with no packets, and while the list is empty nothing sets it back. Once that is over the limit the reader frees
// all packets itself, for two or three times the CPU, until the limit is over the count for a moment. (There is a count for each processor, and on
// larger machines for each NUMA node of a reader; those of other nodes are not reached here.)
import { readFileSync, writeFileSync } from 'node:fs';
import { runText, startServer } from '../../lab/children.mjs';
import { compile } from '../../lab/compile.mjs';
import { canPin, on, processors } from './processors.mjs';

const LIMIT = '/proc/sys/net/core/skb_defer_max';
const NO_LIMIT = 2 ** 31 - 1;
const BYTES = 5e7;
const MARK = 1 << 20;

let programs;

/** Makes the processors count from zero. Not where the limit is 0, when no packets are to be handed back, or is none. */
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
