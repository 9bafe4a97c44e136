// A Node.js process of a test: its output is collected, and it is killed at the end of the test.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface NodeProcessOptions {
  args?: string[];
  /** Flags for node, such as `--no-addons`. */
  execArgv?: string[];
  /** A command before node, such as `['unshare', '-n']`. */
  prefix?: string[];
  env?: Record<string, string>;
  cwd?: string;
}

export class NodeProcess implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  #wake: (() => void) | undefined;
  #over = false;

  constructor(
    node: string,
    file: string,
    { args = [], execArgv = [], prefix = [], env = {}, cwd }: NodeProcessOptions = {},
  ) {
    const [command, ...rest] = [...prefix, node, ...execArgv, file, ...args] as [string, ...string[]];
    // vitest sets NODE_OPTIONS for its own processes, and NODE_ENV, which makes Express say less.
    const { NODE_OPTIONS, NODE_ENV, ...inherited } = process.env;
    this.process = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      cwd,
      env: { ...inherited, ...env },
    });
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
      this.wake();
    });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    // 'close' comes after the last output and the last message.
    this.exit = once(this.process, 'close').then(([code, signal]) => {
      this.#over = true;
      this.wake();
      return { code, signal };
    });
  }

  send(message: object | string): void {
    this.process.send(message);
  }

  /** Lets `until` look again. */
  protected wake(): void {
    this.#wake?.();
  }

  /** Waits until `isReached`, or fails with `failure` and the output when the process ends before. */
  protected async until(isReached: () => boolean, failure: string): Promise<void> {
    while (!isReached()) {
      if (this.#over) {
        throw new Error(`${failure}, exit code ${this.process.exitCode}:\n${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    // A process that it has started may hold its output open, and 'close' would wait for that one.
    this.process.stdout?.destroy();
    this.process.stderr?.destroy();
    await this.exit;
  }
}
