// Which HTTP/1 connections have nothing to do, and since when.
import type { Server, Socket } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { callbackWarning } from '../core/callback-warning.ts';
import { now } from '../core/time.ts';
import type { ServerHub } from '../server/server-hub.ts';
import type { Holder } from '../socket/ownership.ts';
import { hold, letGo } from '../socket/ownership.ts';
import { pendingBytesOf } from '../socket/queues.ts';

type IdleCloser = Server & { closeIdleConnections?: () => void };

/** As what a connection is counted when it is closed because it is idle. */
export type IdleEnd = 'idle' | 'finished';

interface Idle {
  /** The bytes that the socket had read by then. If it has read more since, it has had another request. */
  bytesRead: number;
  since: number;
  end: IdleEnd;
}

export class IdleConnections {
  readonly #hub: ServerHub;
  /** Milliseconds that a connection must have been idle before it is closed. */
  readonly #settle: number;
  readonly #idle = new WeakMap<Socket, Idle>();

  constructor(hub: ServerHub, settle: number) {
    this.#hub = hub;
    this.#settle = settle;
  }

  /**
   * Looks at all connections.
   * @param end as what those are counted that have become idle since the last look
   * @returns those that have been idle for long enough
   */
  look(end: IdleEnd): Socket[] {
    const time = now();
    return this.find().filter((socket) => {
      const { bytesRead } = socket;
      const idle = this.#idle.get(socket);
      if (idle?.bytesRead === bytesRead) return time - idle.since >= this.#settle;
      this.#idle.set(socket, { bytesRead, since: time, end });
      return false;
    });
  }

  /** As what a connection is counted that {@link look} or {@link find} has returned. */
  endOf(socket: Socket): IdleEnd {
    return this.#idle.get(socket)?.end ?? 'finished';
  }

  /** All that are idle at this moment. */
  find(): Socket[] {
    try {
      return findIdle(this.#hub.server, this.#hub.sockets);
    } catch (error) {
      callbackWarning('server.closeIdleConnections', 'closeServer', error);
      return [];
    }
  }
}

/**
 * The sockets between two requests, with nothing waiting in either queue. Node knows best which connections are idle:
 * it is asked to close them, and a holder on each socket catches the `destroy()`.
 *
 * @param sockets all open sockets, TLSSockets where there is TLS: Node destroys an idle connection that is missing here
 */
function findIdle(server: IdleCloser, sockets: Socket[]): Socket[] {
  const idle: Socket[] = [];
  // A socket with a close under way is on its way to its end.
  const asked = sockets.filter((socket) => !isClosing(socket));
  const holders = new Map<Socket, Holder>();
  for (const socket of asked) {
    const holder = hold(socket, () => idle.push(socket));
    if (holder) holders.set(socket, holder);
  }
  try {
    server.closeIdleConnections?.();
  } finally {
    for (const socket of asked) {
      const holder = holders.get(socket);
      if (holder) hold(socket, holder);
      else letGo(socket);
    }
  }
  // Node counts a response as done when it was ended, though it may still be on its way. Node does not know of a
  // request that waits in the kernel. From Node 26 on, it counts a connection that has said nothing yet.
  return idle.filter((socket) => socket.bytesRead > 0 && socket.writableLength === 0 && pendingBytesOf(socket) === 0);
}

/** Calls `server.close()` for what else Node does there. Its idle connections are left alone. */
export function closeForGood(server: IdleCloser): void {
  const own = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections');
  if ('closeIdleConnections' in server) {
    Object.defineProperty(server, 'closeIdleConnections', { value() {}, configurable: true, writable: true });
  }
  try {
    server.close();
  } finally {
    if (own) Object.defineProperty(server, 'closeIdleConnections', own);
    else delete server.closeIdleConnections;
  }
}
