// A server in one process and a raw peer in another. The test tells each of them what to do, step by step.
import { rmSync } from 'node:fs';
import type { ServerOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CloseReport, SafeCloseOptions } from '../../src/index.ts';
import { enterNetns } from './enter-netns.ts';
import { type Exit, Fixture, STREAMS_ENGINE } from './fixture.ts';
import { type Address, Peer, type PeerOptions } from './peer.ts';

export type Engine = CloseReport['engine'];
export const ENGINES: Engine[] = ['native', 'streams'];
export type Transport = 'tcp4' | 'tcp6' | 'unix' | 'tls';

export const KB = 1 << 10;
export const MB = 1 << 20;

/**
 * `signal`: 'controller' is the signal that the step 'abort' aborts; a number is the milliseconds of
 * AbortSignal.timeout().
 */
export type CloseOptions = Omit<SafeCloseOptions, 'signal'> & { signal?: 'aborted' | 'controller' | number };

/** See test/fixtures/close/safe-close-host.mjs. */
export type Step =
  | [step: 'write' | 'end', bytes: number]
  | [step: 'safeClose' | 'closeOnData', options?: CloseOptions]
  | [step: 'destroy', message?: string]
  | [step: 'setLinger', linger: number | false]
  | [step: 'destroySoon' | 'resetAndDestroy' | 'catchErrors' | 'exit' | 'listen' | 'expectEnd' | 'abort' | 'watchLoop']
  | [
      step:
        | 'given'
        | 'closed'
        | 'queued'
        | 'ended'
        | 'lingered'
        | 'pending'
        | 'unacked'
        | 'settled'
        | 'report'
        | 'descriptors'
        | 'longestTurn'
        | 'counters',
    ];

interface Answer {
  id: number;
  results?: unknown[];
  error?: { name: string; code: string; message: string };
}

export interface ServerOptions {
  engine?: Engine;
  transport?: Transport;
  options?: ServerOpts;
  /** `netns()` puts the server and its peers into a network namespace of their own. */
  prefix?: string[];
  /** Whether the server has lingerOnClose. */
  lingers?: boolean;
}

/** `figure`, or null for the streams engine, which cannot know it. */
export function known<Figure>(engine: Engine, figure: Figure): Figure | null {
  return engine === 'native' ? figure : null;
}

/** A report to compare with: everything delivered and nothing discarded, unless `figures` say otherwise. */
export function ended(
  engine: Engine,
  outcome: CloseReport['outcome'],
  figures: Partial<Record<keyof CloseReport, unknown>> = {},
): object {
  return {
    outcome,
    engine,
    delivered: known(engine, true),
    discardedBytes: 0,
    unackedBytes: known(engine, 0),
    duration: expect.any(Number),
    ...figures,
  };
}

export class CloseServer implements AsyncDisposable {
  readonly #fixture: Fixture<Record<string, unknown>>;
  readonly #transport: Transport;
  readonly #waiting = new Map<number, { resolve(results: unknown[]): void; reject(error: unknown): void }>();
  readonly #accepted: number[] = [];
  /**
   * Peers without a connection, kept for the next one: starting a process for each would take longer than most tests.
   */
  readonly #idlePeers: Peer[] = [];
  #peerPrefix: string[] = [];
  #onAccepted: (() => void) | undefined;
  #lastId = 0;
  #failure: unknown;
  address!: Address;

  static async start({
    engine = 'native',
    transport = 'tcp4',
    options = {},
    prefix = [],
    lingers = false,
  }: ServerOptions = {}): Promise<CloseServer> {
    const server = new CloseServer(engine, transport, options, prefix, lingers);
    await server.#listening();
    if (prefix.length > 0) server.#peerPrefix = enterNetns(server.pid);
    return server;
  }

  private constructor(engine: Engine, transport: Transport, options: ServerOpts, prefix: string[], lingers: boolean) {
    this.#transport = transport;
    const path = join(tmpdir(), `lingering-close-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
    const address = transport === 'unix' ? { path } : { host: transport === 'tcp6' ? '::1' : '127.0.0.1', port: 0 };
    this.#fixture = new Fixture('close/safe-close-host', {
      args: [JSON.stringify({ tls: transport === 'tls', address, options, lingers })],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
      prefix,
    });
  }

  async #listening(): Promise<void> {
    const { address } = await this.#fixture.next();
    this.address =
      typeof address === 'string' ? { path: address } : toAddress(address as { address: string; port: number });
    void this.#dispatch();
  }

  async #dispatch(): Promise<void> {
    try {
      for (;;) {
        const message = await this.#fixture.next();
        if ('connection' in message) {
          this.#accepted.push(message['connection'] as number);
          this.#onAccepted?.();
        } else {
          this.#settle(message as unknown as Answer);
        }
      }
    } catch (error) {
      this.#failure = error;
      for (const { reject } of this.#waiting.values()) reject(error);
    }
  }

  #settle({ id, results, error }: Answer): void {
    const call = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (results) call?.resolve(results);
    else call?.reject(Object.assign(new Error(error?.message), error));
  }

  get pid(): number {
    return this.#fixture.process.pid as number;
  }

  get exit(): Promise<Exit> {
    return this.#fixture.exit;
  }

  /** A connected peer, and the server's end of its connection. Connect one at a time. */
  async connect(options: PeerOptions = {}): Promise<Connection> {
    const peer = await this.#peer({ tls: this.#transport === 'tls', ...options });
    while (this.#accepted.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onAccepted = resolve;
      });
    }
    return new Connection(this, this.#accepted.shift() as number, peer);
  }

  async #peer(options: PeerOptions): Promise<Peer> {
    const idle = this.#idlePeers.pop();
    if (!idle) return Peer.connect(this.address, { ...options, prefix: this.#peerPrefix });
    await idle.reconnect(this.address, options);
    return idle;
  }

  /** Ends a connection from the peer's side. */
  async release(peer: Peer): Promise<void> {
    if (peer.busy) return peer.kill();
    await peer.close();
    this.#idlePeers.push(peer);
  }

  /** Runs steps in one tick: their results, when all have one. */
  do(connection: number, todo: Step[]): Promise<unknown[]> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      this.#waiting.set(id, { resolve, reject });
      this.#fixture.send({ id, connection, todo });
    });
  }

  /** Runs a step that concerns the process, not a connection. */
  async ask<Result = number>(step: Step): Promise<Result> {
    return (await this.do(-1, [step]))[0] as Result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#fixture[Symbol.asyncDispose](), ...this.#idlePeers.map((peer) => peer.kill())]);
    if ('path' in this.address) rmSync(this.address.path, { force: true });
  }
}

export class Connection implements AsyncDisposable {
  readonly #server: CloseServer;
  readonly #id: number;
  readonly peer: Peer;

  constructor(server: CloseServer, id: number, peer: Peer) {
    this.#server = server;
    this.#id = id;
    this.peer = peer;
  }

  /** Runs steps in one tick: their results, when all have one. */
  do(...todo: Step[]): Promise<unknown[]> {
    return this.#server.do(this.#id, todo);
  }

  async ask<Result>(...step: Step): Promise<Result> {
    return (await this.do(step))[0] as Result;
  }

  /** The report of the close, when it has ended. */
  report(): Promise<CloseReport> {
    return this.ask('report');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.release(this.peer);
  }
}

function toAddress({ address, port }: { address: string; port: number }): Address {
  return { host: address, port };
}
