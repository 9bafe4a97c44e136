// The process under test answers each line on its standard input, a command and its argument in JSON, with a line of JSON.
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What the process holds. Handles are what libuv keeps the process alive for. */
async function usage() {
  // Twice, and a turn of the event loop between, for what finalizers let go.
  for (let i = 0; i < 2; i++) {
    await new Promise(setImmediate);
    globalThis.gc?.();
  }
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
    memory: process.memoryUsage.rss(),
  };
}

/** `commands`: functions by name, whose results are the answers. Ends with the standard input. */
export async function serve(commands) {
  const all = { usage, ...commands };
  for await (const line of createInterface({ input: process.stdin })) {
    const [, name, argument] = /^(\S+) ?(.*)$/.exec(line);
    console.log(JSON.stringify((await all[name](argument ? JSON.parse(argument) : undefined)) ?? null));
  }
}
