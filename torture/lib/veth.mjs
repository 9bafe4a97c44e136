// A link between two processes that have a network namespace each: a pair of veth interfaces, which can be taken down and brought up.
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const SERVER = '10.99.0.1';
const PEER = '10.99.0.2';

/** A command in front of another, which then has a network namespace of its own. */
export const OWN_NAMESPACE = ['unshare', '-n'];

/** Why there can be no link here, or nothing. */
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
    /** The peer's end, so that the server only finds that nothing comes any more. */
    down: () => ip(peer, 'link', 'set', 'torture1', 'down'),
    up: () => ip(peer, 'link', 'set', 'torture1', 'up'),
  };
}

/** How many TCP sockets of the namespace of a process are in a state: its number in /proc/net/tcp. */
export function countInState(pid, state) {
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1, -1);
  return lines.filter((line) => line.trim().split(/\s+/)[3] === state).length;
}
