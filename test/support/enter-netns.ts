// The other end of a connection into a fixture's network namespace has to be in that namespace too.
import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/**
 * A command to put before another, which then runs in the network namespace of `pid`. That process must have sent a
 * message already.
 */
export function enterNetns(pid: number): string[] {
  const userNamespace = (of: string) => readlinkSync(`/proc/${of}/ns/user`);
  // It is an error to enter the user namespace that the process is already in.
  const user = userNamespace(String(pid)) === userNamespace('self') ? [] : ['--user', '--preserve-credentials'];
  return ['nsenter', '--target', String(pid), '--net', ...user, '--'];
}

// `ip` is not installed everywhere: SIOCSIFFLAGS without any flag.
const LOOPBACK_DOWN = `
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh22x", b"lo", 0))
`;

/** From here on every packet in that namespace is lost, as if every peer had vanished. */
export function cutNetwork(pid: number): void {
  const [command = '', ...args] = [...enterNetns(pid), 'python3', '-c', LOOPBACK_DOWN];
  const { status } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('cannot take the loopback interface down');
}
