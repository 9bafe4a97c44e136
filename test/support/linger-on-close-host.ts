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
import { Fixture, STREAMS_ENGINE } from './fixture.ts';
import { netns } from './netns.ts';
import { type Address, Peer, type PeerOptions } from './peer.ts';

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

interface Message {
  id?: number;
  result?: unknown;
  error?: { message: string };
  server?: number;
  name?: string;
  data?: unknown;
}

/** The messages of one name, and who waits for them. */
class Mailbox {
  readonly #said: unknown[] = [];
  readonly #waiting: ((data: unknown) => void)[] = [];

  put(data: unknown): void {
    const waiter = this.#waiting.shift();
    if (waiter) waiter(data);
    else this.#said.push(data);
  }

  take(): Promise<unknown> {
    return this.#said.length > 0
      ? Promise.resolve(this.#said.shift())
      : new Promise((resolve) => this.#waiting.push(resolve));
  }

  get size(): number {
    return this.#said.length;
  }
}

export class ServerHost implements AsyncDisposable {
  readonly fixture: Fixture<Message>;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(error: unknown): void }>();
  readonly #mailboxes = new Map<string, Mailbox>();
  /**
   * Peers without a connection, kept for the next one: starting a process for each would take longer than most tests.
   */
  readonly #idlePeers: Peer[] = [];
  #peerPrefix: string[] = [];
  #lastId = 0;
  #failure: unknown;

  static async start({
    engine = 'native',
    isolated = false,
    prefix = [],
    execArgv = [],
  }: HostOptions = {}): Promise<ServerHost> {
    const host = new ServerHost({
      execArgv: [...execArgv, ...(engine === 'streams' ? STREAMS_ENGINE : [])],
      prefix: [...(isolated ? netns() : []), ...prefix],
    });
    await host.fixture.next();
    if (isolated) host.#peerPrefix = enterNetns(host.fixture.process.pid as number);
    void host.#dispatch();
    return host;
  }

  private constructor(options: { execArgv: string[]; prefix: string[] }) {
    this.fixture = new Fixture('server/linger-on-close-host', options);
  }

  async #dispatch(): Promise<void> {
    try {
      for (;;) {
        const { id, result, error, server, name, data } = await this.fixture.next();
        if (id === undefined) {
          this.mailbox(server as number, name as string).put(data);
        } else {
          const call = this.#calls.get(id);
          this.#calls.delete(id);
          if (error) call?.reject(Object.assign(new Error(error.message), error));
          else call?.resolve(result);
        }
      }
    } catch (error) {
      this.#failure = error;
      for (const { reject } of this.#calls.values()) reject(error);
    }
  }

  mailbox(server: number, name: string): Mailbox {
    const key = `${server} ${name}`;
    const known = this.#mailboxes.get(key);
    if (known) return known;
    const mailbox = new Mailbox();
    this.#mailboxes.set(key, mailbox);
    return mailbox;
  }

  /** See test/fixtures/server/linger-on-close-host.mjs. */
  call<Result = void>(call: string, args: object = {}): Promise<Result> {
    const id = ++this.#lastId;
    return new Promise<unknown>((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      this.#calls.set(id, { resolve, reject });
      this.fixture.send(
        JSON.parse(JSON.stringify({ id, call, ...args }, (_key, value) => (value === Infinity ? 'Infinity' : value))),
      );
    }) as Promise<Result>;
  }

  async serve(kind: Kind, behaviour: string, options: ServeOptions = {}): Promise<Served> {
    const { server, address } = await this.call<{
      server: number;
      address: string | { address: string; port: number };
    }>('serve', {
      kind,
      behaviour,
      ...options,
    });
    const where = typeof address === 'string' ? { path: address } : { host: address.address, port: address.port };
    return new Served(this, server, where, kind);
  }

  /** The reset counters of the kernel. */
  async resets(): Promise<{ abortOnClose: number; abortOnData: number; resetsSent: number }> {
    const { abortOnClose, abortOnData, resetsSent } = await this.call<TcpAbortCounters>('counters');
    return { abortOnClose, abortOnData, resetsSent };
  }

  async peer(address: Address, options: PeerOptions): Promise<Peer> {
    const idle = this.#idlePeers.pop();
    if (!idle) return Peer.connect(address, { ...options, prefix: this.#peerPrefix });
    await idle.reconnect(address, options);
    return idle;
  }

  /** Ends a connection from the peer's side. */
  async release(peer: Peer): Promise<void> {
    if (peer.busy) return peer.kill();
    await peer.close();
    this.#idlePeers.push(peer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.fixture[Symbol.asyncDispose](), ...this.#idlePeers.map((peer) => peer.kill())]);
  }
}

/** One server of the host. */
export class Served {
  readonly host: ServerHost;
  readonly address: Address;
  readonly #id: number;
  readonly #tls: boolean;

  constructor(host: ServerHost, id: number, address: Address, kind: Kind) {
    this.host = host;
    this.#id = id;
    this.address = address;
    this.#tls = kind === 'https' || kind === 'tls' || kind === 'http2s';
  }

  /** A connected peer that the server has accepted. */
  async connect(options: PeerOptions = {}): Promise<Visit> {
    const peer = await this.host.peer(this.address, { tls: this.#tls, ...options });
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
    return this.host.mailbox(this.#id, name).take() as Promise<Data>;
  }

  /** How many messages of this name are waiting to be taken. */
  countSaid(name: string): number {
    return this.host.mailbox(this.#id, name).size;
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
    { behindAnswerTo, ...then }: { pause?: number; method?: string; behindAnswerTo?: () => Promise<unknown> } = {},
  ): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    try {
      const file = join(folder, 'go on');
      const call = this.call(behindAnswerTo ? 'blockBehindAnswer' : 'block', { file, ...then });
      if (behindAnswerTo) {
        await this.said('blocks behind the answer');
        await behindAnswerTo();
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
  readonly #host: ServerHost;

  constructor(host: ServerHost, peer: Peer) {
    this.#host = host;
    this.peer = peer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.release(this.peer);
  }
}
