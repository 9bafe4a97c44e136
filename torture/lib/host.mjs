// The process under test answers each line on its standard input, a command and its argument in JSON, with a line of JSON.
import { readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What the process holds. Handles are what libuv keeps the process alive for. */
async function usage() {
  // Twice, and a turn of the event loop between, for what finalizers let go.
  for (let i = 0; i < 2; i++) {
    await new Promise(setImmediate);
    globalThis.gc?.();
  }
  return {
    descriptors: readdirSync('/proc/self/fd').filter((fd) => !isModule(fd)).length,
    handles: process.getActiveResourcesInfo().length,
    memory: process.memoryUsage.rss(),
  };
}

/** Node.js itself leaves a module's file open where a Worker is terminated that was reading it. */
function isModule(fd) {
  try {
    return /\.m?js$/.test(readlinkSync(`/proc/self/fd/${fd}`));
  } catch {
    // The descriptor by which the folder was read.
    return false;
  }
}

/** `commands`: functions by name, whose results are the answers. Ends with the standard input. */
export async function serve(commands) {
  const all = { usage, ...commands };
  for await (const line of createInterface({ input: process.stdin })) {
    const [, name, argument] = /^(\S+) ?(.*)$/.exec(line);
    console.log(JSON.stringify((await all[name](argument ? JSON.parse(argument) : undefined)) ?? null));
  }
}
