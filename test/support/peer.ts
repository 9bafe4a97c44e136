// A raw peer in a process of its own: plain system calls, so that FIN and RST are what the kernel says.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { python } from './python.ts';

const script = fileURLToPath(new URL('peer.py', import.meta.url));

export type Address = { host: string; port: number } | { path: string };

export interface Received {
  received: number;
  /** The last 64 bytes, or the last `keep` bytes. */
  tail: string;
  /** 'eof' or an errno. Missing if the wanted number of bytes came first. */
  end?: string;
}

export interface PeerOptions {
  /** SO_RCVBUF: how much a peer that does not read can be sent. */
  receiveBuffer?: number;
  tls?: boolean;
  /** The ALPN protocol to agree upon. */
  alpn?: string;
  /** A command before python: see `enterNetns`. */
  prefix?: string[];
}

export class Peer implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #pending = 0;

  static async connect(address: Address, { prefix = [], ...options }: PeerOptions = {}): Promise<Peer> {
    const peer = new Peer(prefix);
    await peer.reconnect(address, options);
    return peer;
  }

  /** Opens a new connection, in place of this peer's last one. */
  async reconnect(address: Address, options: Omit<PeerOptions, 'prefix'> = {}): Promise<void> {
    await this.#do('connect', { ...address, ...options });
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  /** Whether a step is still running. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  private constructor(prefix: string[]) {
    const [command = python, ...args] = [...prefix, python, '-u', script];
    // The runtime of a sanitizer, preloaded for the addon, would slow the start of a peer by seconds.
    const { LD_PRELOAD, ...env } = process.env;
    this.#process = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    const lines: Interface = createInterface({ input: this.#process.stdout as NodeJS.ReadableStream });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  async #do(step: string, args: object = {}): Promise<Record<string, unknown>> {
    this.#pending++;
    this.#process.stdin?.write(`${JSON.stringify({ do: step, ...args })}\n`);
    const { value, done } = await this.#answers.next();
    this.#pending--;
    if (done) throw new Error(`the peer died in '${step}'`);
    const answer = JSON.parse(value);
    if (step === 'connect' && answer.error) throw new Error(`connect: ${answer.error}`);
    return answer;
  }

  /** `error`: EPIPE, ECONNRESET. `raw` goes past TLS. */
  async send(bytes: number, options: { fill?: number; raw?: boolean } = {}): Promise<{ sent: number; error?: string }> {
    return (await this.#do('send', { bytes, ...options })) as { sent: number; error?: string };
  }

  async write(text: string): Promise<void> {
    await this.#do('write', { text });
  }

  /** Sends bytes one by one, with `every` milliseconds between them. */
  async drip(bytes: number, every: number): Promise<{ sent: number; error?: string }> {
    return (await this.#do('drip', { bytes, every })) as { sent: number; error?: string };
  }

  /** Reads `bytes` bytes, or all to the end. A slow reader takes `step` bytes, then rests for `pause` milliseconds. */
  async receive(bytes?: number, options: { step?: number; pause?: number; keep?: number } = {}): Promise<Received> {
    return (await this.#do('receive', { bytes: bytes ?? null, ...options })) as unknown as Received;
  }

  /** One HTTP response and not a byte more. `end`, 'eof' or an errno, is there if the connection ended first. */
  async receiveResponse(): Promise<{ text: string; end?: string }> {
    return (await this.#do('receive_response')) as unknown as { text: string; end?: string };
  }

  async shutdown(): Promise<void> {
    await this.#do('shutdown');
  }

  async close(): Promise<void> {
    await this.#do('close');
  }

  async reset(): Promise<void> {
    await this.#do('reset');
  }

  /** The errno with which the connection broke, or null if it did not break in time. */
  async untilBroken(timeout = 10): Promise<string | null> {
    return (await this.#do('until_broken', { timeout })).errno as string | null;
  }

  /** Waits for FIN or RST without reading. A RST leaves an errno: EPIPE after a FIN, else ECONNRESET. */
  async untilEnded(): Promise<string | null> {
    return (await this.#do('until_ended')).errno as string | null;
  }

  /** Writes a byte, and a second one after the first was acknowledged or refused: for each an errno, or null. */
  async writeTwice(): Promise<(string | null)[]> {
    return (await this.#do('write_twice')).errors as (string | null)[];
  }

  /** The signal that ends a program which writes here with SIGPIPE at its default, or null. */
  async dieOfWriting(): Promise<string | null> {
    return (await this.#do('die_of_writing')).signal as string | null;
  }

  /** SIGKILL: the kernel closes the socket. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) await once(this.#process, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
