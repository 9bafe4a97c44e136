// Which HTTP/1 connections have nothing to do.

import type { Server, Socket } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import type { Holder } from '../socket/ownership.ts';
import { hold, letGo } from '../socket/ownership.ts';
import { pendingBytesOf } from '../socket/queues.ts';

type IdleCloser = Server & { closeIdleConnections?: () => void };

/**
 * Those of `sockets` between two requests, with nothing waiting in either queue. Node knows best: it is asked to close
 * its idle connections, and each that it would destroy is taken out of its hands.
 *
 * @param sockets all that are open, with TLS where there is TLS: what is missing here is destroyed /
 */
export function findIdle(server: IdleCloser, sockets: Socket[]): Socket[] {
  const idle: Socket[] = [];
  // One that somebody has in hand already is on its way to its end.
  const asked = sockets.filter((socket) => !isClosing(socket));
  const guards = new Map<Socket, Holder>();
  for (const socket of asked) {
    const guard = hold(socket, () => idle.push(socket));
    if (guard) guards.set(socket, guard);
  }
  try {
    server.closeIdleConnections?.();
  } finally {
    for (const socket of asked) {
      const guard = guards.get(socket);
      if (guard) hold(socket, guard);
      else letGo(socket);
    }
  }
  // Node counts a response as done when it was ended, though it may still be on its way; it does not know of a request
  // that waits in the kernel; and it may count a connection on which nothing has been said yet (from Node 26 on).
  return idle.filter((socket) => socket.bytesRead > 0 && socket.writableLength === 0 && pendingBytesOf(socket) === 0);
}

/** Stops a server that listens no more, with what Node has for it of its own. Its connections are ours to close. */
export function closeForGood(server: IdleCloser): void {
  const own = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections');
  if ('closeIdleConnections' in server)
    Object.defineProperty(server, 'closeIdleConnections', { value() {}, configurable: true, writable: true });
  try {
    server.close();
  } finally {
    if (own) Object.defineProperty(server, 'closeIdleConnections', own);
    else delete server.closeIdleConnections;
  }
}
