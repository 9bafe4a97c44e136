// HTTP servers that do not accept their connections themselves: an application hands them over, by
// `server.emit('connection', socket)`. Those connections come from a net server that looks at the first bytes, from a
// tls server, or from another process. Node publishes nothing when they are handed over.
//
// - An HTTP/1 server sets `socket.server`. On sockets that may be handed over this property is an accessor.
// - An HTTP/2 server begins a session, which calls `socket.setNoDelay()`, and leaves itself in a property of the
//   socket. On sockets that may be handed over this method is ours.
// - An HTTPS server makes a TLSSocket of its own, and sets nothing on the socket. It shows with its first request. The
//   channel that tells is subscribed to only for a while behind each such socket: it costs each request a little.

import diagnostics from 'node:diagnostics_channel';
import { Server, Socket } from 'node:net';
import { timerAfterPoll } from '../core/after-poll.ts';
import { isOurs, markAsOurs, messageListeners } from '../core/message-listeners.ts';
import { nextTick, now } from '../core/time.ts';
import { defineHidden, methodBehind } from '../socket/ownership.ts';
import { isTlsServer } from '../socket/tls.ts';
import { isHttp, isHttp2 } from './server-kind.ts';

type Taken = (server: Server, socket: Socket) => void;

const REQUEST = 'http.server.request.start';

/** Milliseconds from the arrival of a socket to its first request. */
const WINDOW = 10_000;

const SERVER = Symbol('lingering-close.accepted-by');

type WatchedSocket = Socket & { [SERVER]?: unknown };

export class HandedOverSockets {
  readonly #taken: Taken;
  readonly #property: PropertyDescriptor & ThisType<WatchedSocket>;
  /** One function for all sockets. */
  readonly #setNoDelay: Socket['setNoDelay'];
  readonly #tlsServers = new WeakSet<Server>();
  #requestsUntil = 0;
  #listensForRequests = false;
  #listensForMessages = false;

  /** @param taken called when an HTTP server has got a socket, before the server reads it */
  constructor(taken: Taken) {
    this.#taken = taken;
    // The same two functions on all sockets: with closures each socket would have a shape of its own.
    this.#property = {
      configurable: true,
      enumerable: true,
      get() {
        return this[SERVER];
      },
      set(server: unknown) {
        this[SERVER] = server;
        if (!(server instanceof Server) || !isHttp(server)) return;
        Object.defineProperty(this, 'server', { value: server, configurable: true, enumerable: true, writable: true });
        taken(server, this);
      },
    };
    const setNoDelay = function (this: Socket, ...args: Parameters<Socket['setNoDelay']>): Socket {
      // The server is on the socket by then, and the session has read nothing yet.
      nextTick(() => {
        const server = http2ServerOf(this);
        if (server) taken(server, this);
      });
      return Reflect.apply(methodBehind(this, 'setNoDelay', setNoDelay), this, args);
    };
    this.#setNoDelay = setNoDelay;
  }

  /** A socket that a net or tls server has accepted. */
  accepted(socket: Socket, server: Server): void {
    // Node tells of the socket behind the 'connection' listeners, which may have handed it over.
    const http2Server = http2ServerOf(socket);
    if (http2Server) {
      this.#taken(http2Server, socket);
      return;
    }
    this.#watch(socket);
    if (!isTlsServer(server)) {
      this.#listenForRequests();
    } else if (!this.#tlsServers.has(server)) {
      this.#tlsServers.add(server);
      // An application may emit the event itself, with anything.
      server.prependListener('secureConnection', (secure) => secure instanceof Socket && this.#watch(secure));
    }
  }

  /** Takes note of the sockets that come from another process, by `process.on('message', (message, socket) => ...)`. */
  watchMessages(): void {
    if (!process.channel) return;
    markAsOurs(this.#onMessage);
    process.on('newListener', (name, listener) => name === 'message' && !isOurs(listener) && this.#listenForMessages());
    process.on('removeListener', (name) => name === 'message' && this.#stopWithLastListener());
    if (!messageListeners().every(isOurs)) this.#listenForMessages();
  }

  #watch(socket: Socket): void {
    const { server } = socket as { server?: unknown };
    if (!Object.isExtensible(socket) || (server instanceof Server && isHttp(server))) return;
    Object.defineProperty(socket, SERVER, { value: server, configurable: true, writable: true });
    Object.defineProperty(socket, 'server', this.#property);
    if (!Object.hasOwn(socket, 'setNoDelay')) defineHidden(socket, 'setNoDelay', this.#setNoDelay);
  }

  // A 'message' listener keeps the process alive, so there is one only while the application has one. That of
  // closeOnSignal is none.
  #listenForMessages(): void {
    if (this.#listensForMessages) return;
    this.#listensForMessages = true;
    process.prependListener('message', this.#onMessage);
  }

  #stopWithLastListener(): void {
    if (!this.#listensForMessages || !messageListeners().every(isOurs)) return;
    this.#listensForMessages = false;
    process.removeListener('message', this.#onMessage);
  }

  readonly #onMessage = (_message: unknown, handle: unknown): void => {
    if (!(handle instanceof Socket)) return;
    this.#watch(handle);
    this.#listenForRequests();
  };

  #listenForRequests(): void {
    this.#requestsUntil = now() + WINDOW;
    if (this.#listensForRequests) return;
    this.#listensForRequests = true;
    diagnostics.subscribe(REQUEST, this.#onRequest);
    this.#stopAfter(WINDOW);
  }

  #stopAfter(ms: number): void {
    timerAfterPoll(
      ms,
      () => {
        const left = this.#requestsUntil - now();
        if (left > 0) {
          this.#stopAfter(left);
        } else {
          this.#listensForRequests = false;
          diagnostics.unsubscribe(REQUEST, this.#onRequest);
        }
      },
      false,
    );
  }

  readonly #onRequest = (message: unknown): void => {
    const { server, socket } = message as { server: Server; socket: Socket };
    this.#taken(server, socket);
  };
}

/** The HTTP/2 server that has begun a session on the socket. The symbol under which Node notes it is not public. */
function http2ServerOf(socket: Socket): Server | undefined {
  for (const symbol of Object.getOwnPropertySymbols(socket)) {
    const value = (socket as unknown as Record<symbol, unknown>)[symbol];
    if (value instanceof Server && isHttp2(value)) return value;
  }
  return undefined;
}
