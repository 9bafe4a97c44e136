// Which HTTP/1 connections have nothing to do, and since when.

import { type Server, Socket } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { callbackWarning } from '../core/callback-warning.ts';
import { inSlices } from '../core/slices.ts';
import { now } from '../core/time.ts';
import { parserListOf } from '../server/parser-list.ts';
import type { ServerHub } from '../server/server-hub.ts';
import { writeQueueSize } from '../socket/descriptor.ts';
import type { Holder } from '../socket/ownership.ts';
import { hold, letGo } from '../socket/ownership.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { bareSocketOf, isTls } from '../socket/tls.ts';
import { idleSince } from './idle-since.ts';
import { hasSettled } from './settle-time.ts';

type IdleCloser = Server & { closeIdleConnections?: () => void };

/** As what a connection is counted when it is closed because it is idle. */
export type IdleEnd = 'idle' | 'finished';

interface Idle {
  /** The bytes that the socket had read by then. If it has read more since, it has had another request. */
  bytesRead: number;
  /** Milliseconds of core/time.ts. */
  since: number;
  end: IdleEnd;
}

export class IdleConnections {
  readonly #hub: ServerHub;
  /** Milliseconds that a connection must have been idle before it is closed: see {@link settleTime}. */
  readonly #settle: number;
  /** Those that were idle, and had not been for long enough. */
  readonly #idle = new Map<Socket, Idle>();

  constructor(hub: ServerHub, settle: number) {
    this.#hub = hub;
    this.#settle = settle;
  }

  /**
   * Looks at all connections, and calls `close` for those that have been idle for long enough.
   * @param end as what those are counted that have become idle since the last look
   * @param isOver whether the look may be given up
   */
  async look(end: IdleEnd, close: (socket: Socket, end: IdleEnd) => void, isOver: () => boolean): Promise<void> {
    await inSlices(
      this.#ask(),
      (socket) => {
        if (!isIdle(socket)) return;
        const { bytesRead } = socket;
        let idle = this.#idle.get(socket);
        if (idle?.bytesRead !== bytesRead) idle = { bytesRead, since: idleSince(socket), end };
        if (!hasSettled(socket, now() - idle.since, this.#settle)) this.#idle.set(socket, idle);
        else if (isQuiet(socket)) close(socket, idle.end);
      },
      isOver,
    );
  }

  /** The connection is gone. */
  forget(socket: Socket): void {
    this.#idle.delete(socket);
  }

  /** All that are idle at this moment, and as what each is counted. */
  find(): [Socket, IdleEnd][] {
    return this.#ask()
      .filter((socket) => isIdle(socket) && isQuiet(socket))
      .map((socket) => [socket, this.#idle.get(socket)?.end ?? 'finished']);
  }

  #ask(): Socket[] {
    try {
      return listIdle(this.#hub.server) ?? findIdle(this.#hub.server, this.#hub.sockets);
    } catch (error) {
      callbackWarning('server.closeIdleConnections', 'closeServer', error);
      return [];
    }
  }
}

/**
 * The list that closeIdleConnections() of Node works with, in a fifth of a microsecond a connection. It has the
 * parsers that are between two requests. Their sockets are read at once: a look may take several turns, and a parser
 * whose connection ends meanwhile has no socket any more, or that of another connection.
 */
function listIdle(server: Server): Socket[] | undefined {
  const list = parserListOf(server);
  if (!list) return undefined;
  return list
    .idle()
    .map(({ socket }) => socket)
    .filter((socket) => socket instanceof Socket);
}

/**
 * The same where the list cannot be had: Node is asked to close its idle connections, and a holder on each socket
 * catches the `destroy()`.
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
    (Object.getPrototypeOf(server) as IdleCloser).closeIdleConnections?.call(server);
  } finally {
    for (const socket of asked) {
      const holder = holders.get(socket);
      if (holder) hold(socket, holder);
      else letGo(socket);
    }
  }
  return idle;
}

/**
 * What Node counts besides: a response that was ended, and is still on its way; and from Node 26 on a connection that
 * has said nothing yet. A close under way is on its way to its end.
 */
function isIdle(socket: Socket & { _httpMessage?: { finished: boolean } | null }): boolean {
  const { _httpMessage: response } = socket;
  if (socket.destroyed || response?.finished === false || socket.bytesRead === 0 || socket.writableLength > 0)
    return false;
  return !isClosing(socket) && (!isTls(socket) || writeQueueSize(bareSocketOf(socket) ?? socket) === 0);
}

/** Node does not know of a request that waits in the kernel. */
function isQuiet(socket: Socket): boolean {
  return pendingBytesOf(socket) === 0;
}
