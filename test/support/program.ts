// Runs a program of the documentation with `node`, as its reader would, and reads its output line by line.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { NodeProcess, type NodeProcessOptions } from './node-process.ts';

export interface ProgramOptions extends NodeProcessOptions {
  /** A file of test/fixtures, without `.mjs`, that node evaluates before the program. */
  preload?: string | undefined;
}

export class Program extends NodeProcess {
  constructor(file: string, { preload, execArgv = [], ...options }: ProgramOptions = {}) {
    const preloads = preload ? ['--import', new URL(`../fixtures/${preload}.mjs`, import.meta.url).href] : [];
    super(process.execPath, file, { ...options, execArgv: [...execArgv, ...preloads] });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  /** The port of a server whose preload reports it. */
  async port(): Promise<number> {
    return (await this.#message<AddressInfo>()).port;
  }

  /**
   * Sends a signal, and waits until the preload reports that the server has stopped listening. The signal alone may
   * come before or after what a peer has sent.
   */
  async stopListening(signal: NodeJS.Signals): Promise<void> {
    this.process.kill(signal);
    await this.#message();
  }

  async #message<Message>(): Promise<Message> {
    const [message] = await Promise.race([
      once(this.process, 'message'),
      this.exit.then(() => {
        throw new Error(`the program has ended:\n${this.stderr}`);
      }),
    ]);
    return message;
  }

  /** The first `count` lines on stdout. */
  async lines(count: number): Promise<string[]> {
    await this.until(() => this.stdout.split('\n').length > count, 'the program ended before it printed enough lines');
    return this.stdout.split('\n').slice(0, count);
  }
}
