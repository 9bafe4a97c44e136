// Runs a file of test/fixtures in a process of its own. When server and client share a process, a reset mostly hides.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { node } from './project.ts';

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface FixtureOptions {
  args?: string[];
  /** Flags for node, such as `--no-addons`. */
  execArgv?: string[];
  /** A command before node, such as `['unshare', '-n']`. */
  prefix?: string[];
  env?: Record<string, string>;
}

/**
 * Flags under which the addon is not loaded, so that the streams engine serves. The warning about that has its own
 * test.
 */
export const STREAMS_ENGINE = ['--no-addons', '--disable-warning=LINGERING_CLOSE_FALLBACK'];

export class Fixture<Message = Record<string, unknown>> implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly exit: Promise<Exit>;
  stdout = '';
  stderr = '';
  readonly #inbox: Message[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  /** `name`: that of the file, without `.mjs`. */
  constructor(name: string, { args = [], execArgv = [], prefix = [], env = {} }: FixtureOptions = {}) {
    const file = fileURLToPath(new URL(`../fixtures/${name}.mjs`, import.meta.url));
    const [command, ...rest] = [...prefix, node, ...execArgv, file, ...args] as [string, ...string[]];
    // vitest sets NODE_OPTIONS for its own processes.
    const { NODE_OPTIONS, ...inherited } = process.env;
    this.process = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...inherited, ...env } });
    this.process.on('message', (message) => {
      this.#inbox.push(message as Message);
      this.#wake?.();
    });
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += chunk;
    });
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk;
    });
    // 'close' comes after the last output and the last message.
    this.exit = once(this.process, 'close').then(([code, signal]) => {
      this.#over = true;
      this.#wake?.();
      return { code, signal };
    });
  }

  /** The next message that the fixture sends with `process.send`. */
  async next(): Promise<Message> {
    while (this.#inbox.length === 0) {
      if (this.#over) throw new Error(`the fixture has ended, exit code ${this.process.exitCode}:\n${this.stderr}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#inbox.shift() as Message;
  }

  send(message: object): void {
    this.process.send(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exit;
  }
}
