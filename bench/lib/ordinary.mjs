// An ordinary server, as Node.js makes it and with this package: the rivals in the benchmarks of ordinary traffic.
import { NODE_AS_IT_IS as PLAIN } from './rivals.mjs';
import { startNodeServer } from './servers.mjs';

/** By name: the argument of `bench/servers/traffic.mjs`, and options of Node.js. */
const WAYS = {
  [PLAIN]: ['plain', []],
  lingerOnClose: ['lingerOnClose', []],
  register: ['plain', ['--import', 'lingering-close/register']],
};
export const WITH_US = Object.keys(WAYS).filter((name) => name !== PLAIN);
/** `close`: each request has its own connection. `limit`: the wanted share of Node's requests a second. */
export const CASES = {
  'keep-alive': { protocol: 'http', close: false, limit: 0.99 },
  'Connection: close': { protocol: 'http', close: true, limit: 0.97 },
  https: { protocol: 'https', close: false, limit: 0.98 },
};

export function startOrdinary(name, protocol, { prefix = [], execArgv = [] } = {}) {
  const [way, ownArgv] = WAYS[name];
  return startNodeServer('traffic', [protocol, way], { prefix, execArgv: [...execArgv, ...ownArgv] });
}
