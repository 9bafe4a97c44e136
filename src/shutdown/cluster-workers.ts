// The workers of a cluster primary that shuts down. Many applications put another worker in the place of each that has
// ended, also now. Those are told too; but they are replaced in their turn, so the primary waits for one generation of
// them, and ends the next one.

import type { Worker } from 'node:cluster';
import { builtin } from '../core/builtin.ts';
import { clearTimeout, MAX_DELAY, setTimeout } from '../core/time.ts';

/** Those that there are at the call, and those in their places. */
const GENERATIONS = 2;

/**
 * Tells the workers of a cluster primary to shut down, and waits for their end. The primary has their listening
 * sockets, and a worker whose primary ends is ended by Node.
 *
 * @returns whether all of them have ended within `ms`, with exit code 0; true where there are none
 */
export async function closeWorkers(ms: number): Promise<boolean> {
  if (workersOf().length === 0) return true;
  const cluster = builtin('node:cluster');
  // One that was still starting when it was told has not heard it.
  cluster.on('listening', tell);
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.min(Math.max(ms, 0), MAX_DELAY));
  });
  try {
    return await Promise.race([generationsEnd(), limit]);
  } finally {
    clearTimeout(timer);
    cluster.removeListener('listening', tell);
  }
}

/** The workers of this process; none where it is no cluster primary. */
export function workersOf(): Worker[] {
  const { isPrimary, workers = {} } = builtin('node:cluster');
  return isPrimary ? Object.values(workers).filter((worker) => worker !== undefined) : [];
}

async function generationsEnd(): Promise<boolean> {
  let well = true;
  for (let generation = 0; generation < GENERATIONS; generation++) {
    const codes = await Promise.all(workersOf().map(closeWorker));
    if (codes.some((code) => code !== 0)) well = false;
  }
  return well;
}

function closeWorker(worker: Worker): Promise<number | null> {
  return new Promise((resolve) => {
    // One that has ended is in the list until its channel is closed, which a process of its own may hold open.
    if (worker.isDead()) resolve(worker.process.exitCode);
    worker.once('exit', (code) => resolve(code));
    tell(worker);
  });
}

function tell(worker: Worker): void {
  // Without a callback the failure to send to a worker that has just ended would be an 'error' event.
  worker.send('shutdown', () => {});
}
