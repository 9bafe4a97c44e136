// A server under test, in a process of its own, so that all descriptors, handles and memory of the process are its own.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../../lab/children.mjs';

/** Starts `torture/servers/<name>.mjs`. `prefix`: a command in front of node; `execArgv`: flags of node. */
export function startServer(name, { args = [], prefix = [], execArgv = [], env } = {}) {
  const script = fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url));
  // The limits are short on purpose.
  const flags = ['--expose-gc', '--disable-warning=LINGERING_CLOSE_UNIT'];
  const [command, ...rest] = [...prefix, process.execPath, ...flags, ...execArgv, script, ...args];
  const child = startAnswering(command, rest, { env });
  const ask = (name, argument) => child.ask(argument === undefined ? name : `${name} ${JSON.stringify(argument)}`);
  return { ...child, ask, usage: () => ask('usage') };
}

/** What the server held before `provoke` and what it holds after it: the last cells of a row. */
export async function measured(server, provoke) {
  const before = await server.usage();
  await provoke();
  let after = await server.usage();
  // 'close' comes after the last report, and the descriptor is released after 'close'.
  for (let i = 0; i < 400 && (after.descriptors > before.descriptors || after.handles > before.handles); i++) {
    await delay(50);
    after = await server.usage();
  }
  return Object.fromEntries(Object.keys(before).map((key) => [key, [before[key], after[key]]]));
}
