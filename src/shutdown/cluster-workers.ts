import type { Worker } from 'node:cluster';
import { builtin } from '../core/builtin.ts';
import { clearTimeout, MAX_DELAY, setTimeout } from '../core/time.ts';

/**
 * Tells the workers of a cluster primary to shut down, and waits for their end. The primary has their listening
 * sockets, and a worker whose primary ends is ended by Node.
 *
 * @returns whether all of them have ended within `ms`, with exit code 0; true where there are none
 */
export async function closeWorkers(ms: number): Promise<boolean> {
  const cluster = builtin('node:cluster');
  const workers = cluster.isPrimary
    ? Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    : [];
  if (workers.length === 0) return true;
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(ms, MAX_DELAY));
  });
  const ends = Promise.all(workers.map(closeWorker)).then((codes) => codes.every((code) => code === 0));
  const result = await Promise.race([ends, limit]);
  clearTimeout(timer);
  return result;
}

function closeWorker(worker: Worker): Promise<number | null> {
  return new Promise((resolve) => {
    worker.once('exit', (code) => resolve(code));
    // Without a callback the failure to send to a worker that has just ended would be an 'error' event.
    worker.send('shutdown', () => {});
  });
}
