// Starts the servers of bench/servers.
import { fileURLToPath } from 'node:url';
import { startServer } from '../../lab/children.mjs';

/** Starts `bench/servers/<name>.mjs`. `prefix`: a command in front of node; `execArgv`: flags of node. */
export function startNodeServer(name, args = [], { execArgv = [], env = {}, prefix = [] } = {}) {
  const script = fileURLToPath(new URL(`../servers/${name}.mjs`, import.meta.url));
  return startServer([...prefix, process.execPath, ...execArgv, script, ...args], { env });
}
