// A server in one process and a raw peer in another. The test tells each of them what to do, step by step.
import { rmSync } from 'node:fs';
import type { ServerOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { CloseReport, SafeCloseOptions } from '../../src/index.ts';
import { enterNetns } from './enter-netns.ts';
import { STREAMS_ENGINE } from './fixture.ts';
import type { Exit } from './node-process.ts';
import type { Address, Peer, PeerOptions } from './peer.ts';
import { PeerPool } from './peer-pool.ts';
import { host } from './project.ts';
import { Remote } from './remote.ts';

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
  /** One of the actions of lab/interference-actions.mjs. */
  | [step: 'interfere', name: string]
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

export interface SafeCloseHostOptions {
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

/**
 * qemu-user passes on only the first bytes of TCP_INFO. There, a connection that is over is not always known to be
 * delivered.
 */
export const DELIVERED: unknown = host.includes('arm64') ? expect.toBeOneOf([true, null]) : true;

/** A report to compare with: everything delivered and nothing discarded, unless `figures` say otherwise. */
export function ended(
  engine: Engine,
  outcome: CloseReport['outcome'],
  figures: Partial<Record<keyof CloseReport, unknown>> = {},
): object {
  return {
    outcome,
    engine,
    delivered: known(engine, DELIVERED),
    discardedBytes: 0,
    unackedBytes: known(engine, 0),
    duration: expect.any(Number),
    ...figures,
  };
}

/** A process with one server. */
export class SafeCloseHost extends Remote {
  readonly peers = new PeerPool();
  readonly #transport: Transport;
  address!: Address;

  static async start({
    engine = 'native',
    transport = 'tcp4',
    options = {},
    prefix = [],
    lingers = false,
  }: SafeCloseHostOptions = {}): Promise<SafeCloseHost> {
    const host = new SafeCloseHost(engine, transport, options, prefix, lingers);
    const { address } = await host.ready<{ address: string | { address: string; port: number } }>();
    host.address = typeof address === 'string' ? { path: address } : { host: address.address, port: address.port };
    if (prefix.length > 0) host.peers.prefix = enterNetns(host.pid);
    return host;
  }

  private constructor(engine: Engine, transport: Transport, options: ServerOpts, prefix: string[], lingers: boolean) {
    const path = join(tmpdir(), `lingering-close-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
    const address = transport === 'unix' ? { path } : { host: transport === 'tcp6' ? '::1' : '127.0.0.1', port: 0 };
    super('close/safe-close-host', {
      args: [JSON.stringify({ tls: transport === 'tls', address, options, lingers })],
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
      prefix,
    });
    this.#transport = transport;
  }

  get pid(): number {
    return this.fixture.process.pid as number;
  }

  get exit(): Promise<Exit> {
    return this.fixture.exit;
  }

  /** A connected peer, and the server's end of its connection. Connect one at a time. */
  async connect(options: PeerOptions = {}): Promise<Connection> {
    const peer = await this.peers.connect(this.address, { tls: this.#transport === 'tls', ...options });
    return new Connection(this, await this.next<number>('connection'), peer);
  }

  /** Runs a step that concerns the process, not a connection. */
  async ask<Result = number>(step: Step): Promise<Result> {
    const [result] = await this.call<[Result]>('do', { todo: [step] });
    return result;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([super[Symbol.asyncDispose](), this.peers[Symbol.asyncDispose]()]);
    if ('path' in this.address) rmSync(this.address.path, { force: true });
  }
}

export class Connection implements AsyncDisposable {
  readonly #host: SafeCloseHost;
  readonly #id: number;
  readonly peer: Peer;

  constructor(host: SafeCloseHost, id: number, peer: Peer) {
    this.#host = host;
    this.#id = id;
    this.peer = peer;
  }

  /** Runs steps in one tick: their results, when all have one. */
  do(...todo: Step[]): Promise<unknown[]> {
    return this.#host.call('do', { connection: this.#id, todo });
  }

  async ask<Result>(...step: Step): Promise<Result> {
    return (await this.do(step))[0] as Result;
  }

  /** The report of the close, when it has ended. */
  report(): Promise<CloseReport> {
    return this.ask('report');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.peers.release(this.peer);
  }
}
