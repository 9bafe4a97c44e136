// Runs a program of the documentation with `node`, as its reader would, and reads its output line by line.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Exit } from './fixture.ts';

export interface ProgramOptions {
  args?: string[];
  env?: Record<string, string>;
  /** A command before node, such as `netns()`. */
  prefix?: string[];
  /** A file of test/fixtures, without `.mjs`, that node evaluates before the program. */
  preload?: string | undefined;
  /** Flags for node. */
  execArgv?: string[];
  cwd?: string;
}

export class Program implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  #over = false;
  #wake: (() => void) | undefined;

  constructor(file: string, { args = [], env = {}, prefix = [], preload, execArgv = [], cwd }: ProgramOptions = {}) {
    const preloads = preload ? ['--import', new URL(`../fixtures/${preload}.mjs`, import.meta.url).href] : [];
    const [command, ...rest] = [...prefix, process.execPath, ...execArgv, ...preloads, file, ...args] as [
      string,
      ...string[],
    ];
    // vitest sets NODE_OPTIONS for its own processes, and NODE_ENV, which makes Express say less.
    const { NODE_OPTIONS, NODE_ENV, ...inherited } = process.env;
    this.process = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      cwd,
      env: { ...inherited, ...env },
    });
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
      this.#wake?.();
    });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    this.exit = once(this.process, 'close').then(([code, signal]) => {
      this.#over = true;
      this.#wake?.();
      return { code, signal };
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  send(message: string): void {
    this.process.send(message);
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
    while (this.stdout.split('\n').length <= count) {
      if (this.#over)
        throw new Error(`the program ended before it printed enough lines:\n${this.stdout}${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.stdout.split('\n').slice(0, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }
}
