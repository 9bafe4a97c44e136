// What the application does with a server while the server is being closed. A framework calls server.close() at its own
// time; Node's would destroy connections that this package still gives time.

import type { Server } from 'node:net';
import { nextTick } from '../core/time.ts';

type Method = 'listen' | 'close' | 'closeIdleConnections';

export interface MethodCalls {
  /** Called before the server listens again: `server.close(); server.listen()` is allowed. */
  onListen(): void;
  onClose(): void;
}

/** Takes the place of three methods of a single server. */
export class ServerMethods {
  readonly #server: Server;
  readonly #calls: MethodCalls;
  readonly #before = new Map<Method, PropertyDescriptor | undefined>();
  #closed: boolean;

  /** @param closed whether the server is closed already */
  constructor(server: Server, calls: MethodCalls, closed = false) {
    this.#server = server;
    this.#closed = closed;
    server.prependListener('close', this.#onClosed);
    this.#calls = calls;
    this.#replace('listen', (...args: unknown[]) => {
      this.giveBack();
      calls.onListen();
      return Reflect.apply(server.listen, server, args);
    });
    this.#replace('close', (callback?: unknown) => {
      this.#close(callback);
      return server;
    });
    // The shutdown closes them, when they are idle for long enough.
    if ('closeIdleConnections' in server) this.#replace('closeIdleConnections', () => {});
  }

  readonly #onClosed = (): void => {
    this.#closed = true;
  };

  /** Calls back as Node's close() does: when the last connection is gone. It is no error that the server is closed. */
  #close(callback: unknown): void {
    if (typeof callback === 'function') {
      if (this.#closed) nextTick(() => callback());
      else this.#server.once('close', () => callback());
    }
    this.#calls.onClose();
  }

  #replace(name: Method, value: (...args: unknown[]) => unknown): void {
    this.#before.set(name, Object.getOwnPropertyDescriptor(this.#server, name));
    Object.defineProperty(this.#server, name, { value, configurable: true, writable: true });
  }

  /** Gives the methods back. Does nothing the second time. */
  giveBack(): void {
    this.#server.removeListener('close', this.#onClosed);
    for (const [name, descriptor] of this.#before) {
      if (descriptor) Object.defineProperty(this.#server, name, descriptor);
      else delete (this.#server as Partial<Record<Method, unknown>>)[name];
    }
    this.#before.clear();
  }

  /** Calls `server.close()` of Node or of the application, with its idle connections left alone. */
  callClose(): void {
    const replaced = Object.getOwnPropertyDescriptor(this.#server, 'close');
    const before = this.#before.get('close');
    if (!this.#before.has('close')) {
      this.#server.close();
      return;
    }
    if (before) Object.defineProperty(this.#server, 'close', before);
    else delete (this.#server as Partial<Server>).close;
    try {
      this.#server.close();
    } finally {
      if (replaced) Object.defineProperty(this.#server, 'close', replaced);
    }
  }
}
