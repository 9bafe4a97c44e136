// The process under test reads commands, one a line, each with an argument in JSON. It answers each with a line of
// JSON.
import { readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** What the process holds. Handles are what keeps the event loop alive. */
async function usage() {
  // Two collections, with a turn of the event loop between: finalizers release more.
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

/** Node.js itself leaves the file of a module open when a Worker is terminated while it reads the file. */
function isModule(fd) {
  try {
    return /\.m?js$/.test(readlinkSync(`/proc/self/fd/${fd}`));
  } catch {
    // This is the descriptor of the folder that was read.
    return false;
  }
}

/** `commands`: functions by name; their results are the answers. Ends when the standard input ends. */
export async function serve(commands) {
  const all = { usage, ...commands };
  for await (const line of createInterface({ input: process.stdin })) {
    const [, name, argument] = /^(\S+) ?(.*)$/.exec(line);
    console.log(JSON.stringify((await all[name](argument ? JSON.parse(argument) : undefined)) ?? null));
  }
}
