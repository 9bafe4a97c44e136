// Servers in a process of their own that are closed by closeServer, and raw peers that visit them.
import { expect } from 'vitest';
import type { CloseServerOptions, LingerOnCloseOptions, ServerCloseReport, TcpAbortCounters } from '../../src/index.ts';
import { enterNetns } from './enter-netns.ts';
import { STREAMS_ENGINE } from './fixture.ts';
import { netns } from './netns.ts';
import type { Peer, PeerOptions, Received } from './peer.ts';
import { PeerPool } from './peer-pool.ts';
import { Remote } from './remote.ts';

export type Kind = 'http' | 'https' | 'http2' | 'http2s' | 'net' | 'tls' | 'ws';
export type Close = Omit<CloseServerOptions, 'signal' | 'goodbye'> & {
  signal?: 'aborted' | 'controller';
  goodbye?: 'end' | 'count' | 'throw' | 'reject' | 'webSocket';
};
type Outcomes = ServerCloseReport['outcomes'];

export interface HostOptions {
  engine?: 'native' | 'streams';
  /** Whether the process runs in a network namespace of its own. */
  isolated?: boolean;
}

export interface ServeOptions {
  /** Options of lingerOnClose(). With `false` lingerOnClose() is not called. */
  attach?: Pick<LingerOnCloseOptions, 'idleTimeout' | 'timeout' | 'when'> | false;
  /** Options of createServer(). */
  options?: object;
  listens?: boolean;
}

const NO_OUTCOMES: Outcomes = {
  eof: 0,
  delivered: 0,
  drained: 0,
  reset: 0,
  'peer-reset': 0,
  idle: 0,
  timeout: 0,
  'max-bytes': 0,
  evicted: 0,
  aborted: 0,
  closed: 0,
  error: 0,
};

/** A whole report: `figures`, and 0 for everything else. */
export function reported(
  figures: Partial<Omit<ServerCloseReport, 'outcomes' | 'duration'>> & { outcomes?: Partial<Outcomes> },
): ServerCloseReport {
  return {
    idle: 0,
    finished: 0,
    cut: 0,
    aborted: false,
    duration: expect.any(Number) as unknown as number,
    ...figures,
    outcomes: { ...NO_OUTCOMES, ...figures.outcomes },
  };
}

/** A process that serves one server after another. */
export class CloseServerHost extends Remote {
  readonly peers = new PeerPool();
  #servers = 0;

  static async start({ engine = 'native', isolated = false }: HostOptions = {}): Promise<CloseServerHost> {
    const host = new CloseServerHost('shutdown/close-server-host', {
      execArgv: engine === 'streams' ? STREAMS_ENGINE : [],
      prefix: isolated ? netns() : [],
    });
    await host.ready();
    if (isolated) host.peers.prefix = enterNetns(host.fixture.process.pid as number);
    return host;
  }

  /** A command to put before a client's command: it moves the client into the namespace of the servers. */
  get prefix(): string[] {
    return this.peers.prefix;
  }

  async serve(kind: Kind, { attach = {}, options, listens = true }: ServeOptions = {}): Promise<ServerToClose> {
    const id = ++this.#servers;
    await this.call('create', { id, kind, attach, options });
    const server = new ServerToClose(this, kind, id);
    if (listens) await server.listen();
    return server;
  }

  /** Connections that the kernel has reset in the namespace of this process, its peers included. */
  async resets(): Promise<number> {
    const { abortOnClose, abortOnData } = await this.call<TcpAbortCounters>('counters');
    return Number(abortOnClose) + Number(abortOnData);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([super[Symbol.asyncDispose](), this.peers[Symbol.asyncDispose]()]);
  }
}

export class ServerToClose implements AsyncDisposable {
  readonly #host: CloseServerHost;
  readonly #id: number;
  readonly #tls: boolean;
  readonly #peers: Peer[] = [];
  address!: { host: string; port: number };

  constructor(host: CloseServerHost, kind: Kind, id: number) {
    this.#host = host;
    this.#id = id;
    this.#tls = kind === 'https' || kind === 'tls' || kind === 'http2s';
  }

  /** See test/fixtures/shutdown/close-server-host.mjs. */
  call<Result = void>(call: string, args: object = {}): Promise<Result> {
    return this.#host.call(call, { host: this.#id, ...args });
  }

  next<Data = unknown>(event: string): Promise<Data> {
    return this.#host.next(`${this.#id} ${event}`);
  }

  /** How many events of this name are waiting to be taken. */
  count(event: string): number {
    return this.#host.count(`${this.#id} ${event}`);
  }

  async listen(port = 0): Promise<void> {
    const { address, port: actual } = await this.call<{ address: string; port: number }>('listen', { port });
    this.address = { host: address, port: actual };
  }

  /** A peer whose connection the server has accepted. */
  async connect(options: PeerOptions = {}): Promise<Peer> {
    const peer = await this.#host.peers.connect(this.address, { tls: this.#tls, ...options });
    this.#peers.push(peer);
    await this.next('connection');
    return peer;
  }

  /** A peer whose request has reached the server's application. */
  async request(path: string): Promise<Peer> {
    const peer = await this.connect();
    await this.ask(peer, path);
    return peer;
  }

  async ask(peer: Peer, path: string): Promise<void> {
    await peer.write(get(path));
    expect(await this.next('request')).toBe(path);
  }

  /** A peer that has sent the head of an upload. */
  async upload(bytes: number): Promise<Peer> {
    const peer = await this.connect();
    await peer.write(`POST /held HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes}\r\n\r\n`);
    await this.next('request');
    return peer;
  }

  /** A peer that has its answer, and whose connection is kept alive. */
  async idle(): Promise<Peer> {
    const peer = await this.request('/now');
    expect(await answer(peer)).toMatchObject({ connection: 'keep-alive', body: 'now' });
    return peer;
  }

  /** Starts to close the server. The result: whether it returned the promise of the call before. */
  close(options: Close = {}): Promise<boolean> {
    return this.call<boolean>('close', options);
  }

  /**
   * Starts to close the server, then blocks its event loop until all that `meanwhile` does has reached the kernel: see
   * `closeThenBlock` in the fixture.
   */
  async closeThenBlock(
    meanwhile: () => Promise<unknown>,
    options: Close & { after?: number; established?: number; atLeast?: number },
  ): Promise<void> {
    const closed = this.call('closeThenBlock', options);
    await this.next('blocked');
    await meanwhile();
    await closed;
  }

  /**
   * Waits until at most `connections` are open, then moves the clock of the server past `timeout` (more than a minute).
   * So no peer can be too late.
   */
  async timeOut({ timeout = 0 }: Close, connections: number): Promise<void> {
    await expect.poll(async () => (await this.state()).connections, { timeout: 20_000 }).toBe(connections);
    await this.#host.call('elapse', { ms: timeout });
  }

  report(): Promise<ServerCloseReport> {
    return this.call<ServerCloseReport>('report');
  }

  state(): Promise<{ listening: boolean; closeEvents: number; connections: number }> {
    return this.call('state');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.call('dispose').catch(() => {});
    await Promise.all(this.#peers.map((peer) => this.#host.peers.release(peer)));
  }
}

export function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
}

export interface Answer {
  status: number;
  connection: string | undefined;
  body: string;
  end?: string;
}

/** One response and not a byte more. `end` is there if the connection ended first. */
export async function answer(peer: Peer): Promise<Answer> {
  const { text, end } = await peer.receiveResponse();
  return { ...parse(text), ...(end === undefined ? {} : { end }) };
}

/** All that is left, as text, and how the connection ends. */
export async function rest(peer: Peer): Promise<Answer> {
  const { tail, end } = await peer.receive(undefined, { keep: 4_096 });
  return { ...parse(tail), ...(end === undefined ? {} : { end }) };
}

function parse(text: string): Answer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  return {
    status: Number(head.split(' ')[1] ?? 0),
    connection: /^connection: (.*)$/im.exec(head)?.[1]?.trim(),
    body: body.join('\r\n\r\n'),
  };
}

/** EOF, and nothing before it. */
export const JUST_EOF: Received = { received: 0, tail: '', end: 'eof' };
