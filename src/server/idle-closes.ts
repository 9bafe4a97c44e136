// Node closes idle HTTP/1 connections by itself: when keepAliveTimeout is over, and in closeIdleConnections(), which
// server.close() calls too. An event loop that was blocked runs timers before it looks at sockets. So the next request
// of a connection may have arrived when Node takes the connection for idle, and a proxy does not repeat a POST. Here
// such a connection is read first, and closed only where nothing was read.

import type { ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { afterPoll } from '../core/after-poll.ts';
import type { Holder } from '../socket/ownership.ts';
import { hold, isHeld, letGo, tryDefineHidden } from '../socket/ownership.ts';
import { bareSocketOf } from '../socket/tls.ts';
import { LastResponses } from './last-responses.ts';
import { type Parser, unfinishedRequest } from './unread-input.ts';

type HttpServer = Server & { closeIdleConnections?: () => void };
type HttpSocket = Socket & {
  parser?: Parser | null;
  _httpMessage?: ServerResponse | null;
  server?: Server;
  /** What Node's timer of the socket calls. It emits 'timeout'. */
  _onTimeout?: () => void;
};

export interface IdleConnections {
  readonly server: Server;
  /** The sockets that the application knows: TLSSockets where there is TLS. */
  readonly sockets: Socket[];
  /** Whether bytes wait in the kernel; true where that cannot be known. */
  mayHavePending(socket: Socket): boolean;
}

export class IdleCloses {
  readonly #connections: IdleConnections;
  readonly #server: HttpServer;
  /** One function for all sockets of the server. */
  readonly #onTimeout: (this: HttpSocket) => void;
  #restoreMethod: (() => void) | undefined;
  /** Connections that closeIdleConnections() was to close. They end with the response to what has arrived. */
  readonly #ending = new Set<Socket>();
  #responses: LastResponses | undefined;

  constructor(connections: IdleConnections) {
    this.#connections = connections;
    this.#server = connections.server;
    const closes = this;
    this.#onTimeout = function (this: HttpSocket) {
      closes.#onSocketTimeout(this, () => Object.getPrototypeOf(this)._onTimeout.call(this));
    };
  }

  start(): void {
    if (this.#restoreMethod) return;
    this.#restoreMethod = this.#replaceMethod();
    for (const socket of this.#connections.sockets) this.watch(socket);
  }

  stop(): void {
    this.#restoreMethod?.();
    this.#restoreMethod = undefined;
    for (const socket of this.#connections.sockets as HttpSocket[])
      if (Object.hasOwn(socket, '_onTimeout') && socket._onTimeout === this.#onTimeout) delete socket._onTimeout;
  }

  /**
   * Replaces a method of the single socket. A 'timeout' listener in front of Node's own would do as well, but it would
   * show: Node takes its listeners off a socket that it gives away, by 'upgrade' or 'connect'.
   */
  watch(socket: HttpSocket): void {
    if (this.#restoreMethod && socket._onTimeout && !Object.hasOwn(socket, '_onTimeout'))
      socket._onTimeout = this.#onTimeout;
  }

  #replaceMethod(): () => void {
    const server = this.#server;
    const before = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections');
    const closes = this;
    const original = server.closeIdleConnections;
    function closeIdleConnections(this: HttpServer, ...args: []): void {
      closes.#closeIdle(() => original?.apply(this, args));
    }
    if (original) tryDefineHidden(server, 'closeIdleConnections', closeIdleConnections);
    return () => {
      // Another one has been put in its place, which may call this one.
      if (server.closeIdleConnections !== closeIdleConnections) return;
      if (before) Object.defineProperty(server, 'closeIdleConnections', before);
      else delete server.closeIdleConnections;
    };
  }

  #closeIdle(byNode: () => void): void {
    const idle: Socket[] = [];
    // Node knows best which connections are idle: a holder catches the destroy(). Who holds a socket already has asked
    // for that, or closes it.
    const held = this.#restoreMethod ? this.#connections.sockets.filter((socket) => this.#mustBeRead(socket)) : [];
    const holders = held.map((socket) => () => void idle.push(socket));
    held.forEach((socket, i) => void hold(socket, holders[i] as Holder));
    try {
      byNode();
    } finally {
      // The application may have put a function of its own in front of Node's, which begins closes.
      held.forEach((socket, i) => void letGo(socket, holders[i]));
      for (const socket of idle) this.#readFirst(socket, true);
    }
  }

  /**
   * Node destroys the socket where the application has no 'timeout' listener on the server. One on the socket, beside
   * Node's own, may look whether the socket is destroyed.
   */
  #onSocketTimeout(socket: HttpSocket, byNode: () => void): void {
    const server = this.#server;
    const isAlone = server.listenerCount('timeout') === 0 && socket.listenerCount('timeout') <= 1;
    const mayDestroy = socket.server === server && isAlone;
    if (!this.#restoreMethod || !mayDestroy || !this.#mustBeRead(socket)) {
      byNode();
      return;
    }
    const destroyed: (Error | undefined)[] = [];
    const holder = (error?: Error) => void destroyed.push(error);
    hold(socket, holder);
    try {
      byNode();
    } finally {
      letGo(socket, holder);
      const [error] = destroyed;
      if (error) socket.destroy(error);
      else if (destroyed.length > 0) this.#readFirst(socket, false);
    }
  }

  /** Between two requests, with bytes waiting. */
  #mustBeRead(socket: HttpSocket): boolean {
    return (
      !socket.destroyed && isBetweenRequests(socket) && !isHeld(socket) && this.#connections.mayHavePending(socket)
    );
  }

  /** @param isLast whether a request that comes now is answered with `Connection: close` */
  #readFirst(socket: HttpSocket, isLast: boolean): void {
    const bare = bareSocketOf(socket) ?? socket;
    const [bytesRead, bareBytesRead] = [socket.bytesRead, bare.bytesRead];
    if (isLast) this.#endWithLast(socket);
    // Twice: where this is called in the middle of a poll phase, the first one is behind the rest of that phase.
    afterPoll(() =>
      afterPoll(() => {
        if (isLast && bare.bytesRead === bareBytesRead) this.#forget(socket);
        if (socket.destroyed || isHeld(socket)) return;
        if (bare.bytesRead === bareBytesRead) socket.destroy();
        // A record of TLS without data. It does not start the timer of Node again, which has fired.
        else if (socket.bytesRead === bytesRead && socket.timeout) socket.setTimeout(socket.timeout);
      }),
    );
  }

  #endWithLast(socket: Socket): void {
    this.#responses ??= new LastResponses({
      server: this.#server,
      concerns: (each) => this.#ending.has(each),
      isLate: () => false,
    });
    if (this.#ending.has(socket)) return;
    this.#ending.add(socket);
    // It ends with the last response.
    socket.once('close', () => this.#forget(socket));
  }

  #forget(socket: Socket): void {
    if (!this.#ending.delete(socket) || this.#ending.size > 0) return;
    this.#responses?.stop();
    this.#responses = undefined;
  }
}

function isBetweenRequests({ parser, _httpMessage: response }: HttpSocket): boolean {
  return !!parser && !response && !unfinishedRequest(parser);
}
