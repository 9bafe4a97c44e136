// The backlog: connections that the kernel has accepted, and the process has not. The end of listening resets them.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Server } from 'node:net';
import { now, setImmediate } from '../core/time.ts';
import { listeningDescriptor } from '../socket/descriptor.ts';

/** Milliseconds, for a server to which new clients come faster than it accepts them. */
const LIMIT = 1_000;

/** Turns of the event loop without a new connection, after which the backlog is empty. The first may have no poll. */
const QUIET_TURNS = 2;

/**
 * Lets the event loop accept what waits. libuv accepts one connection a turn (`uv__server_io`), so it takes as many
 * turns as there are connections.
 */
export async function acceptBacklog(server: Server, isOver: () => boolean): Promise<void> {
  let accepted = 0;
  const count = () => {
    accepted++;
  };
  server.on('connection', count).on('drop', count);
  const end = now() + LIMIT;
  let last: number | undefined;
  // Behind the limit those are accepted that wait by then: the loop may have stood still for longer than that.
  const isLate = () => {
    if (now() < end) return false;
    last ??= backlogOf(server);
    return last-- <= 0;
  };
  try {
    for (let quiet = 0; quiet < QUIET_TURNS && !isOver() && !isLate(); quiet++) {
      const before = accepted;
      await new Promise<void>((resolve) => void setImmediate(resolve));
      // They may have come behind the last poll, where the loop has stood still again.
      if (accepted > before || (quiet === QUIET_TURNS - 1 && backlogOf(server) > 0)) quiet = -1;
    }
  } finally {
    server.removeListener('connection', count).removeListener('drop', count);
  }
}

/**
 * To be called when listening is about to stop.
 * @returns to be called when it has stopped: how many connections were lost in the backlog. None where another process
 * has the same listening socket (a cluster worker without the round-robin of the primary, systemd): they wait for that
 * one
 */
export function watchBacklog(server: Server): () => number {
  const inode = inodeOf(server);
  const waiting = findBacklog(inode);
  return () => (waiting && findBacklog(inode) === undefined ? waiting : 0);
}

/**
 * How many connections wait in the backlog of a TCP server at this moment. 0 where it cannot be known: on other
 * platforms than Linux, for a UNIX socket, and in a cluster worker whose connections the primary accepts.
 */
function backlogOf(server: Server): number {
  return findBacklog(inodeOf(server)) ?? 0;
}

/** By this number the tables of the kernel name the listening socket. */
function inodeOf(server: Server): string | undefined {
  const fd = listeningDescriptor(server);
  if (process.platform !== 'linux' || fd < 0) return undefined;
  try {
    return String(fstatSync(fd).ino);
  } catch {
    return undefined;
  }
}

const LISTEN = '0A';

/**
 * Undefined for what is no TCP socket that listens.
 *
 * Source: /proc/net/tcp, proc(5): for a listening socket, rx_queue is the length of its accept queue
 * (`sk_ack_backlog`, `get_tcp4_sock` in Linux).
 */
function findBacklog(inode: string | undefined): number | undefined {
  if (inode === undefined) return undefined;
  try {
    return findIn('/proc/self/net/tcp', inode) ?? findIn('/proc/self/net/tcp6', inode);
  } catch {
    // No /proc.
    return undefined;
  }
}

/** Listening sockets come first in these tables, so a table with thousands of connections is not read to its end. */
function findIn(file: string, inode: string): number | undefined {
  const table = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(16_384);
    let rest = '';
    for (let isHead = true; ; ) {
      const length = readSync(table, buffer);
      if (length === 0) return undefined;
      const rows = (rest + buffer.toString('latin1', 0, length)).split('\n');
      rest = rows.pop() ?? '';
      for (const row of rows) {
        const columns = row.trim().split(/ +/);
        if (isHead) isHead = false;
        else if (columns[3] !== LISTEN) return undefined;
        else if (columns[9] === inode) return Number.parseInt(columns[4]?.split(':')[1] ?? '0', 16);
      }
    }
  } finally {
    closeSync(table);
  }
}
