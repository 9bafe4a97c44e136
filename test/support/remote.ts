// A fixture that takes calls and sends events.
import { Fixture } from './fixture.ts';
import type { NodeProcessOptions } from './node-process.ts';

interface Message {
  id?: number;
  result?: unknown;
  error?: { message: string };
  event?: string;
  data?: unknown;
}

interface Waiter {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

export class Remote implements AsyncDisposable {
  readonly fixture: Fixture<Message>;
  readonly #calls = new Map<number, Waiter>();
  readonly #events = new Map<string, unknown[]>();
  readonly #waiters = new Map<string, Waiter[]>();
  #lastId = 0;
  #failure: unknown;

  constructor(name: string, options?: NodeProcessOptions) {
    this.fixture = new Fixture(name, options);
  }

  /** The first message of the fixture. */
  async ready<First>(): Promise<First> {
    const first = await this.fixture.next();
    void this.#dispatch();
    return first as First;
  }

  async #dispatch(): Promise<void> {
    try {
      for (;;) this.#take(await this.fixture.next());
    } catch (error) {
      this.#failure = error;
      for (const { reject } of [...this.#calls.values(), ...[...this.#waiters.values()].flat()]) reject(error);
    }
  }

  #take({ id, result, error, event = '', data }: Message): void {
    if (id === undefined) {
      const waiter = this.#waiters.get(event)?.shift();
      if (waiter) waiter.resolve(data);
      else this.#events.set(event, [...(this.#events.get(event) ?? []), data]);
      return;
    }
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(Object.assign(new Error(error.message), error));
    else call?.resolve(result);
  }

  call<Result = void>(call: string, args?: object): Promise<Result> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      this.#calls.set(id, { resolve: resolve as Waiter['resolve'], reject });
      this.fixture.send({ id, call, args });
    });
  }

  /** The next event of this name. Events that have already come are kept until they are taken. */
  next<Data = unknown>(event: string): Promise<Data> {
    const known = this.#events.get(event);
    if (known?.length) return Promise.resolve(known.shift() as Data);
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      this.#waiters.set(event, [
        ...(this.#waiters.get(event) ?? []),
        { resolve: resolve as Waiter['resolve'], reject },
      ]);
    });
  }

  /** How many events of this name are waiting to be taken. */
  count(event: string): number {
    return this.#events.get(event)?.length ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fixture[Symbol.asyncDispose]();
  }
}
