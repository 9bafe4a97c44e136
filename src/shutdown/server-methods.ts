// What the application does with a server while the server is being closed. A framework calls server.close() at its own
// time; Node's would destroy connections that this package still gives time.

import type { Server } from 'node:net';
import { nextTick } from '../core/time.ts';
import { tryDefineHidden } from '../socket/ownership.ts';

type Method = 'listen' | 'close' | 'closeIdleConnections';

export interface MethodCalls {
  /** Called before the server listens again: `server.close(); server.listen()` is allowed. */
  onListen(): void;
  onClose(): void;
  /** Resolves when the shutdown is over, and nothing lingers any more. */
  over(): Promise<unknown>;
}

interface Replaced {
  /** The server's own property of that name, where there was one. */
  before: PropertyDescriptor | undefined;
  value: (...args: unknown[]) => unknown;
}

/**
 * Takes the place of three methods of a single server. The application may put others in their place meanwhile, or keep
 * them: those stay, and ours then are what was there before.
 */
export class ServerMethods {
  readonly #server: Server;
  readonly #calls: MethodCalls;
  readonly #replaced = new Map<Method, Replaced>();
  #isBack = false;
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
      return this.#callBefore('listen', args);
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

  /**
   * Calls back when the server is closed, as Node's close() does, and nothing lingers any more: many callbacks end the
   * process. It is no error that the server is closed.
   */
  #close(callback: unknown): void {
    const server = this.#server;
    if (typeof callback === 'function') {
      const closed = this.#closed || new Promise<void>((resolve) => server.once('close', () => resolve()));
      // Behind the promise, so that what the callback throws is an uncaught exception, as in Node. Node calls it as a
      // listener of the server.
      const call = () => Reflect.apply(callback, server, []);
      void Promise.all([closed, this.#calls.over()]).then(() => nextTick(call));
    }
    this.#calls.onClose();
  }

  #replace(name: Method, run: (...args: unknown[]) => unknown): void {
    const value = (...args: unknown[]) => (this.#isBack ? this.#callBefore(name, args) : run(...args));
    const before = Object.getOwnPropertyDescriptor(this.#server, name);
    if (tryDefineHidden(this.#server, name, value)) this.#replaced.set(name, { before, value });
  }

  #callBefore(name: Method, args: unknown[]): unknown {
    const before = this.#replaced.get(name)?.before;
    const own = before?.get ? before.get.call(this.#server) : before?.value;
    const method = before ? own : (Object.getPrototypeOf(this.#server) as Record<string, unknown>)[name];
    return Reflect.apply(method as (...args: unknown[]) => unknown, this.#server, args);
  }

  /** Gives the methods back. Does nothing the second time. */
  giveBack(): void {
    if (this.#isBack) return;
    this.#isBack = true;
    this.#server.removeListener('close', this.#onClosed);
    for (const [name, { value }] of this.#replaced) {
      if (Object.getOwnPropertyDescriptor(this.#server, name)?.value === value) this.#restore(name);
    }
  }

  #restore(name: Method): void {
    const replaced = this.#replaced.get(name);
    if (!replaced) return;
    const { before } = replaced;
    if (before) Object.defineProperty(this.#server, name, before);
    else delete (this.#server as Partial<Record<Method, unknown>>)[name];
  }

  /** Calls `server.close()` of Node or of the application, with its idle connections left alone. */
  callClose(): void {
    if (this.#isBack) {
      this.#server.close();
      return;
    }
    const now = Object.getOwnPropertyDescriptor(this.#server, 'close');
    this.#restore('close');
    try {
      this.#server.close();
    } finally {
      if (now) Object.defineProperty(this.#server, 'close', now);
    }
  }
}
