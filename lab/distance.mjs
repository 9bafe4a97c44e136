// Networks with a round trip, a rate, loss and outages, between two network namespaces: the program is
// native/distance.c.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { compile } from './compile.mjs';

let reason;

/** Why this machine cannot emulate networks, or '' where it can. */
export function whyNoDistance() {
  reason ??= find();
  return reason;
}

function find() {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid() !== 0) return 'it needs root';
  if (!existsSync('/dev/net/tun')) return 'there is no /dev/net/tun';
  for (const tool of ['cc', 'ip', 'nsenter', 'sysctl']) {
    if (spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  const { status, stderr } = spawnSync(compile('distance'), ['--client', 'true'], { encoding: 'utf8' });
  return status === 0 ? '' : `namespaces or TUN devices are not permitted: ${stderr.trim().split('\n').at(-1)}`;
}

/**
 * Makes a network.
 *
 * @param options those of distance.c, without the hyphens: `{ rtt: 150, up: 5, 'cut-for': 3 }`
 * @returns `server` and `client`: each puts in front of a command what makes it run on that side. `address(i)`: of the
 * server, on line `i` from 0. `cut()`: begins an outage of `cut-for` seconds. `close()`: what it has forwarded, by
 * side.
 */
export async function openDistance(options = {}) {
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn(compile('distance'), words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  let said = '';
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const names = await Promise.race([once(child.stdout, 'data'), closed.then(() => undefined)]);
  if (!names) throw new Error(`distance cannot make the network: ${said}`);
  const [serverName, clientName] = String(names[0]).trim().split(' ');
  const inside = (name) => (command) => ['nsenter', `--net=/run/netns/${name}`, '--', ...command.map(String)];
  const close = async () => {
    child.kill('SIGTERM');
    await closed;
    const [fromServer, fromClient] = [...said.matchAll(/(\d+) packets forwarded, (\d+) lost, (\d+) dropped/g)].map(
      ([, forwarded, lost, dropped]) => ({
        forwarded: Number(forwarded),
        lost: Number(lost),
        dropped: Number(dropped),
      }),
    );
    return { fromServer, fromClient };
  };
  return {
    server: inside(serverName),
    client: inside(clientName),
    address: (line) => `10.77.0.${line + 1}`,
    cut: () => child.kill('SIGUSR1'),
    close,
  };
}
