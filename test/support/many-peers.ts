// Many raw peers in one process of their own: see many-peers.py.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Address } from './peer.ts';
import { python } from './python.ts';

const script = fileURLToPath(new URL('many-peers.py', import.meta.url));

export interface OpenOptions {
  /** SO_RCVBUF of each peer. */
  receiveBuffer?: number;
  tls?: boolean;
  /** What each peer sends at first. */
  text?: string;
}

export class ManyPeers implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor() {
    const { LD_PRELOAD, ...env } = process.env;
    this.#process = spawn(python, ['-u', script], { stdio: ['pipe', 'pipe', 'inherit'], env });
    const lines = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  async #do<Answer>(step: object): Promise<Answer> {
    this.#process.stdin?.write(`${JSON.stringify(step)}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error('the peers have died');
    return JSON.parse(value);
  }

  /** Opens connections, one after the other. */
  open(count: number, address: Address, options: OpenOptions = {}): Promise<number> {
    return this.#do({ do: 'open', count, ...address, ...options });
  }

  /** Each peer reads to the end and closes. */
  read(): Promise<{ received: number; end: string }[]> {
    return this.#do({ do: 'read' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit');
  }
}
