// The rivals, by their names in the tables. Each answers an upload early, with 413.
import { startServer } from '../../lab/children.mjs';
import { compile } from '../../lab/compile.mjs';
import { startByName } from '../../lab/daemons.mjs';
import { loadModules, WITH_MODULES } from './modules.mjs';
import { startNodeServer } from './servers.mjs';

export const OURS = 'lingering-close';
export const NODE_AS_IT_IS = 'Node as it is';

const bareLoop = (read, mark) => () => startServer([compile('discard'), read, mark]);
const nodeServer = (way) => (options) => startNodeServer('upload', [way], options);

const RIVALS = {
  [OURS]: nodeServer('lingerOnClose'),
  'lingering-close, register': (options) =>
    startNodeServer('upload', ['node'], { ...options, execArgv: ['--import', 'lingering-close/register'] }),
  'lingering-close, safeClose': nodeServer('safeClose'),
  'bare duplicates': (options) => startNodeServer('duplicates', [], options),
  'socket.resume()': nodeServer('resume'),
  [NODE_AS_IT_IS]: nodeServer('node'),
  [WITH_MODULES]: (options) => startNodeServer('upload', ['node'], { ...options, execArgv: loadModules() }),
  nginx: () => startByName('nginx'),
  Apache: () => startByName('Apache'),
  squid: () => startByName('squid'),
  HAProxy: () => startByName('HAProxy'),
  'C loop, 4 KiB reads': bareLoop(4096, 0),
  'C loop, MSG_TRUNC': bareLoop(0, 0),
  'C loop, MSG_TRUNC, 1 MiB mark': bareLoop(0, 1 << 20),
  'C loop, MSG_TRUNC, 2 MiB mark': bareLoop(0, 2 << 20),
};

/** Starts a rival: `{ pid, port, stop }`. Throws an error with the reason when this is impossible. */
export function startRival(name, options) {
  return RIVALS[name](options);
}
