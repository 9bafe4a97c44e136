// Frameworks that end idle HTTP/1 connections themselves when they are closed (hapi, the drain plugin of Apollo,
// stoppable): they call `socket.end()` at once, and a request that is on its way is lost. While a server is being
// closed, such a call does nothing: the shutdown ends the connection when it has been idle for long enough.

import { type Server, Socket } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { defineHidden } from '../socket/ownership.ts';
import { isTlsServer } from '../socket/tls.ts';

type HttpSocket = Socket & { parser?: object | null; _httpMessage?: object | null };

export class IdleEnds {
  readonly #server: Server;
  readonly #event: 'connection' | 'secureConnection';
  /** Connections that Node itself ends, behind a last response. */
  readonly #ending = new WeakSet<Socket>();
  #over = false;

  /** @param sockets those that are open, TLSSockets where there is TLS */
  constructor(server: Server, sockets: Iterable<Socket>) {
    this.#server = server;
    this.#event = isTlsServer(server) ? 'secureConnection' : 'connection';
    for (const socket of sockets) this.#watch(socket);
    server.prependListener(this.#event, this.#watch);
  }

  /** From here on, connections are ended as always. */
  stop(): void {
    this.#over = true;
    this.#server.removeListener(this.#event, this.#watch);
  }

  readonly #watch = (socket: unknown): void => {
    // An application that emits 'connection' itself may pass any stream.
    if (!(socket instanceof Socket) || !Object.isExtensible(socket)) return;
    // One that the application has put there stays.
    if (Object.hasOwn(socket, 'end') || Object.hasOwn(socket, 'destroySoon')) return;
    // Plain properties, as in ownership.ts.
    try {
      socket.end = this.#end;
      socket.destroySoon = this.#destroySoon;
    } catch {
      // The application has made a method of the class read-only.
      defineHidden(socket, 'end', this.#end);
      defineHidden(socket, 'destroySoon', this.#destroySoon);
    }
  };

  readonly #end = this.#method('end', (socket, args) => args.length === 0 && this.#mayWait(socket));

  readonly #destroySoon = this.#method('destroySoon', (socket) => {
    this.#ending.add(socket);
    return false;
  });

  /** One function for all sockets, which calls that of the class unless `takes` says that it is done. */
  #method<Name extends 'end' | 'destroySoon'>(
    name: Name,
    takes: (socket: Socket, args: unknown[]) => boolean,
  ): Socket[Name] {
    return function method(this: Socket, ...args: unknown[]) {
      if (takes(this, args)) return this;
      return Reflect.apply((Object.getPrototypeOf(this) as Socket)[name], this, args);
    } as Socket[Name];
  }

  /** Whether an idle connection of HTTP/1 is to be ended by other code than Node and this package. */
  #mayWait(socket: HttpSocket): boolean {
    if (this.#over || !socket.parser || socket._httpMessage) return false;
    return !socket.readableEnded && !this.#ending.has(socket) && !isClosing(socket);
  }
}
