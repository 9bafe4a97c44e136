// Servers in a process of their own, with lingerOnClose or as plain Node, and raw peers that visit them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  CloseReport,
  ConnectionAddresses,
  LingerOnCloseOptions,
  LingerTotals,
  TcpAbortCounters,
} from '../../src/index.ts';
import { enterNetns } from './enter-netns.ts';
import { STREAMS_ENGINE } from './fixture.ts';
import { netns } from './netns.ts';
import type { Address, Peer, PeerOptions } from './peer.ts';
import { PeerPool } from './peer-pool.ts';
import { Remote } from './remote.ts';

export type Kind = 'http' | 'https' | 'http2' | 'http2s' | 'net' | 'tls';
export type Attach = Omit<LingerOnCloseOptions, 'signal' | 'choose'> & { signal?: true; choose?: string };

export interface ServeOptions {
  args?: object;
  /** Options of createServer(). */
  options?: object;
  /** Properties to set on the server, such as `keepAliveTimeout`. */
  properties?: object;
  /** Options of lingerOnClose(). Without them the server is plain Node. */
  attach?: Attach | undefined;
  /** The path of a UNIX socket. */
  listen?: { path: string };
}

export interface HostOptions {
  engine?: 'native' | 'streams';
  /** Whether the process and its peers are in a network namespace of their own. */
  isolated?: boolean;
  prefix?: string[];
  execArgv?: string[];
}

export interface State {
  active: number;
  totals: LingerTotals;
}

export type End = CloseReport & ConnectionAddresses;

/** A process that serves one server after another. */
export class LingerOnCloseHost extends Remote {
  readonly peers = new PeerPool();

  static async start({
    engine = 'native',
    isolated = false,
    prefix = [],
    execArgv = [],
  }: HostOptions = {}): Promise<LingerOnCloseHost> {
    const host = new LingerOnCloseHost('server/linger-on-close-host', {
      execArgv: [...execArgv, ...(engine === 'streams' ? STREAMS_ENGINE : [])],
      prefix: [...(isolated ? netns() : []), ...prefix],
    });
    await host.ready();
    if (isolated) host.peers.prefix = enterNetns(host.fixture.process.pid as number);
    return host;
  }

  /** See test/fixtures/server/linger-on-close-host.mjs. Infinity goes as a string: JSON has no number for it. */
  override call<Result = void>(call: string, args: object = {}): Promise<Result> {
    const toJson = (_key: string, value: unknown) => (value === Infinity ? 'Infinity' : value);
    return super.call(call, JSON.parse(JSON.stringify(args, toJson)));
  }

  async serve(kind: Kind, behaviour: string, options: ServeOptions = {}): Promise<HostedServer> {
    const { server, address } = await this.call<{
      server: number;
      address: string | { address: string; port: number };
    }>('serve', {
      kind,
      behaviour,
      ...options,
    });
    const where = typeof address === 'string' ? { path: address } : { host: address.address, port: address.port };
    return new HostedServer(this, server, where, kind);
  }

  /** The reset counters of the kernel. */
  async resets(): Promise<{ abortOnClose: number; abortOnData: number; resetsSent: number }> {
    const { abortOnClose, abortOnData, resetsSent } = await this.call<TcpAbortCounters>('counters');
    return { abortOnClose, abortOnData, resetsSent };
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([super[Symbol.asyncDispose](), this.peers[Symbol.asyncDispose]()]);
  }
}

/** One server of the host. */
export class HostedServer {
  readonly host: LingerOnCloseHost;
  readonly address: Address;
  readonly #id: number;
  readonly #tls: boolean;

  constructor(host: LingerOnCloseHost, id: number, address: Address, kind: Kind) {
    this.host = host;
    this.#id = id;
    this.address = address;
    this.#tls = kind === 'https' || kind === 'tls' || kind === 'http2s';
  }

  /** A connected peer that the server has accepted. */
  async connect(options: PeerOptions = {}): Promise<Visit> {
    const peer = await this.host.peers.connect(this.address, { tls: this.#tls, ...options });
    await this.said('connection');
    return new Visit(this.host, peer);
  }

  call<Result = void>(call: string, args: object = {}): Promise<Result> {
    return this.host.call(call, { server: this.#id, ...args });
  }

  state(): Promise<State> {
    return this.call<State>('state');
  }

  /** The next message of this name, from the server's application or from the host. */
  said<Data = unknown>(name: string): Promise<Data> {
    return this.host.next(`${this.#id} ${name}`);
  }

  /** How many messages of this name are waiting to be taken. */
  countSaid(name: string): number {
    return this.host.count(`${this.#id} ${name}`);
  }

  /** How the next linger ended. */
  end(): Promise<End> {
    return this.said<End>('end');
  }

  /**
   * Blocks the server's event loop while `meanwhile` runs and for `pause` milliseconds more, then calls a method of the
   * server.
   */
  async blocked(
    meanwhile: () => Promise<unknown>,
    { afterAnswerTo, ...then }: { pause?: number; method?: string; afterAnswerTo?: () => Promise<unknown> } = {},
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    try {
      const file = join(folder, 'go on');
      const call = this.call(afterAnswerTo ? 'blockAfterAnswer' : 'block', { file, ...then });
      if (afterAnswerTo) {
        await this.said('blocks after the answer');
        await afterAnswerTo();
      }
      await this.said('blocked');
      await meanwhile();
      writeFileSync(file, '');
      await call;
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

/** A peer's connection. */
export class Visit implements AsyncDisposable {
  readonly peer: Peer;
  readonly #host: LingerOnCloseHost;

  constructor(host: LingerOnCloseHost, peer: Peer) {
    this.#host = host;
    this.peer = peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.peers.release(this.peer);
  }
}
