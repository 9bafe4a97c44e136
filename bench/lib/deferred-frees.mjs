// What a discard costs hangs on who frees the packets. A packet that another processor has allocated is handed back to it (skb_attempt_defer_free),
// unless as many as net.core.skb_defer_max wait there already. Linux 6.18 can lose count: a list that is filled while it is being emptied
// (skb_defer_free_flush) leaves a count with no packets, and while the list is empty nothing sets it back. Once that is over the limit the reader frees
// all packets itself, for two or three times the CPU, until the limit is over the count for a moment.
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { runText, startServer } from './children.mjs';
import { compile } from './compile.mjs';

const LIMIT = '/proc/sys/net/core/skb_defer_max';
const NO_LIMIT = '2147483647';
const BYTES = 5e7;
const MARK = 1 << 20;

/** Makes every processor count from zero. Not where the limit is 0: then nobody wants packets to be handed back. */
export async function countDeferredFreesAnew(bench) {
  let limit;
  try {
    limit = readFileSync(LIMIT, 'utf8');
    if (Number(limit) === 0) return;
    writeFileSync(LIMIT, NO_LIMIT);
  } catch (error) {
    bench.note('net.core.skb_defer_max', `cannot be set (${error.code}): where the kernel has lost count of deferred frees, it stays so`);
    return;
  }
  const restore = () => writeFileSync(LIMIT, limit);
  process.once('exit', restore);
  try {
    const processors = availableParallelism();
    for (let processor = 0; processor < processors; processor++) await send(processor, (processor + 1) % processors);
  } catch (error) {
    bench.note('taskset', `${error.message}: deferred frees are not counted anew`);
  } finally {
    restore();
    process.removeListener('exit', restore);
  }
}

async function send(from, to) {
  const reader = await startServer('', [0, MARK], { command: compile('discard'), prefix: ['taskset', '-c', to] });
  await runText('taskset', ['-c', from, compile('sender'), reader.port, 1, BYTES, 0]);
  await reader.stop();
}
