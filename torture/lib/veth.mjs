// A link between two processes, each in a network namespace of its own: a pair of veth interfaces that can go down and
// up.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const SERVER = '10.99.0.1';
const PEER = '10.99.0.2';

/** A command to put in front of another command, which then has a network namespace of its own. */
export const OWN_NAMESPACE = ['unshare', '-n'];

/** Why there can be no link here, or undefined. */
export function noLink() {
  const { status } = spawnSync(
    'unshare',
    ['-n', 'ip', 'link', 'add', 'name', 'a', 'type', 'veth', 'peer', 'name', 'b'],
    {
      stdio: 'ignore',
    },
  );
  return status === 0
    ? undefined
    : 'network namespaces with veth (unshare, ip) are not permitted or not installed here';
}

const ip = (pid, ...args) => execute('nsenter', ['-t', pid, '-n', 'ip', ...args].map(String));

/** `server` and `peer`: process ids. */
export async function link(server, peer) {
  await ip(server, 'link', 'add', 'name', 'torture0', 'type', 'veth', 'peer', 'name', 'torture1', 'netns', peer);
  for (const [pid, name, address] of [
    [server, 'torture0', SERVER],
    [peer, 'torture1', PEER],
  ]) {
    await ip(pid, 'address', 'add', `${address}/24`, 'dev', name);
    await ip(pid, 'link', 'set', name, 'up');
  }
  return {
    host: SERVER,
    /** Takes down the peer's end, so that the server only notices that nothing arrives. */
    down: () => ip(peer, 'link', 'set', 'torture1', 'down'),
    up: () => ip(peer, 'link', 'set', 'torture1', 'up'),
  };
}

/** How many TCP sockets are in a state, in the namespace of a process. `state`: its number in /proc/net/tcp. */
export function countInState(pid, state) {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1, -1);
  return lines.filter((line) => line.trim().split(/\s+/)[3] === state).length;
}
