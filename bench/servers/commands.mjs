// Answers commands on the standard input, one a line, each with a line of JSON.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { inUseReader } from './in-use.mjs';

export function answerCommands(commands = {}) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let inUse;
  const all = {
    /** Collects garbage (with --expose-gc), twice, because finalizers release more. */
    collect: async () => {
      for (let i = 0; i < 3; i++) {
        await new Promise(setImmediate);
        globalThis.gc();
      }
    },
    inUse: async () => {
      inUse ??= await inUseReader();
      return inUse();
    },
    /** Starts to measure the delays of the event loop, in milliseconds. */
    watch: () => {
      delay.reset();
      delay.enable();
    },
    delay: () => {
      delay.disable();
      const [p50, p99, max] = [delay.percentile(50), delay.percentile(99), delay.max].map(
        (nanoseconds) => nanoseconds / 1e6,
      );
      return { p50, p99, max };
    },
    ...commands,
  };
  createInterface({ input: process.stdin }).on('line', async (command) => {
    console.log(JSON.stringify((await all[command]()) ?? {}));
  });
}
