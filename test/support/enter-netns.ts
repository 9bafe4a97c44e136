// The other end of a connection into a fixture's network namespace has to be in there too.
import { readlinkSync } from 'node:fs';

/** A command to put in front of another, which then runs in the network namespace of a process that has told something already. */
export function enterNetns(pid: number): string[] {
  const userNamespace = (of: string) => readlinkSync(`/proc/${of}/ns/user`);
  // Entering the user namespace that one is in already is an error.
  const user = userNamespace(String(pid)) === userNamespace('self') ? [] : ['--user', '--preserve-credentials'];
  return ['nsenter', '--target', String(pid), '--net', ...user, '--'];
}
