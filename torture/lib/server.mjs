// A server under test, in a process of its own, so that its descriptors, handles and memory are nobody else's.
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startAnswering } from '../../lab/children.mjs';

/** Starts `torture/servers/<name>.mjs`. `prefix`: a command in front of node; `execArgv`: its flags; `env`: variables of the environment. */
export function startServer(name, { args = [], prefix = [], execArgv = [], env } = {}) {
  const script = fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url));
  const [command, ...rest] = [...prefix, process.execPath, '--expose-gc', ...execArgv, script, ...args];
  const child = startAnswering(command, rest, { env });
  const ask = (name, argument) => child.ask(argument === undefined ? name : `${name} ${JSON.stringify(argument)}`);
  return { ...child, ask, usage: () => ask('usage') };
}

/** What the server held before something was done to it, and what it held once that was over, as the last cells of a row. */
export async function measured(server, provoke) {
  const before = await server.usage();
  await provoke();
  let after = await server.usage();
  // 'close' follows the last report, and a descriptor is let go behind that.
  for (let i = 0; i < 400 && (after.descriptors > before.descriptors || after.handles > before.handles); i++) {
    await delay(50);
    after = await server.usage();
  }
  return Object.fromEntries(Object.keys(before).map((key) => [key, [before[key], after[key]]]));
}
