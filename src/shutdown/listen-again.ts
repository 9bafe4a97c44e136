// Whether an application has its server listen again while the server is being closed.

import type { Server } from 'node:net';

/**
 * `server.close(); server.listen()` is allowed: the server then serves new connections, while the old ones end. Node
 * says nothing of a listen() that has begun, so the method is replaced on the single server until the shutdown is over.
 */
export class ListenAgain {
  readonly #server: Server;
  readonly #own: PropertyDescriptor | undefined;
  #watches = true;

  /** @param onListen called once, before the server listens */
  constructor(server: Server, onListen: () => void) {
    this.#server = server;
    this.#own = Object.getOwnPropertyDescriptor(server, 'listen');
    const value = (...args: unknown[]) => {
      this.stop();
      onListen();
      return Reflect.apply(server.listen, server, args);
    };
    Object.defineProperty(server, 'listen', { value, configurable: true, writable: true });
  }

  stop(): void {
    if (!this.#watches) return;
    this.#watches = false;
    if (this.#own) Object.defineProperty(this.#server, 'listen', this.#own);
    else delete (this.#server as Partial<Server>).listen;
  }
}
