// What is known of a server that lingers on close: its connections, and what becomes of each connection that it closes.

import type { ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionClose } from '../close/connection-close.ts';
import { LingerSet } from '../close/linger-set.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { engine } from '../engine/linger-loop.ts';
import { claimServer } from '../socket/copies.ts';
import { hasHandle } from '../socket/descriptor.ts';
import type { ApplicationClose, SocketOwner } from '../socket/ownership.ts';
import { defineHidden, destroyNow, otherCopyOf, ownerOf, setOwner } from '../socket/ownership.ts';
import { bareSocketOf, isTls, isTlsServer, TLS, topOf } from '../socket/tls.ts';
import { Connections } from './connection-list.ts';
import { openSocketsOf } from './earlier-sockets.ts';
import { rememberServer } from './known-servers.ts';
import type { CheckedChoice, CheckedServerOptions } from './linger-on-close-options.ts';
import { unwatchPipelining, watchPipelining } from './pipelined-responses.ts';
import { isHttp } from './server-kind.ts';
import { StalledConnections } from './stalled-connections.ts';
import { askHook, isHardClose, mayReset } from './when-to-linger.ts';

const HUB = Symbol('lingering-close.server');

const PRUNE_AT = 64;

export function hubOf(server: Server): ServerHub | undefined {
  return (server as { [HUB]?: ServerHub })[HUB];
}

/** Hears what happens to the connections while a server is being closed. */
export interface HubObserver {
  /** The connection is being destroyed. Node's server still counts it. */
  closed(bare: Socket): void;
  lingerEnded(): void;
}

export class ServerHub implements SocketOwner {
  readonly server: Server;
  #options: CheckedServerOptions | undefined;
  #lingering: LingerSet | undefined;
  /** Sets of earlier lingerOnClose() calls that still have lingering connections, and the set of the last call. */
  #lingerings: LingerSet[] = [];
  readonly #open = new Connections();
  #pruneAt = PRUNE_AT;
  readonly #sessions = new Set<ServerHttp2Session>();
  /** Closes that the application has begun with safeClose. */
  readonly #applicationCloses = new Set<ApplicationClose>();
  observer: HubObserver | undefined;
  /** The connection for which the `choose` function runs at this moment. */
  #asking: Socket | undefined;
  readonly #stalled: StalledConnections | undefined;

  constructor(server: Server) {
    this.server = server;
    if (isHttp(server)) this.#stalled = new StalledConnections(this);
    defineHidden(server, HUB, this);
    claimServer(server);
    rememberServer(server);
  }

  get options(): CheckedServerOptions | undefined {
    return this.#options;
  }

  get lingering(): LingerSet | undefined {
    return this.#lingering;
  }

  /** The connections that are open at this moment: bare sockets, without TLS. */
  get open(): Socket[] {
    this.#prune();
    return this.#open.all();
  }

  /** The same connections as the application knows them: TLSSockets where there is TLS. */
  get sockets(): Socket[] {
    return this.open.map(topOf);
  }

  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  get sessions(): Iterable<ServerHttp2Session> {
    return this.#sessions;
  }

  /** Whether anything lingers, also by a safeClose of the application. */
  get lingers(): boolean {
    return this.#applicationCloses.size > 0 || this.#lingerings.some(({ active }) => active > 0);
  }

  /** How many lingers have ended with each outcome. */
  get outcomes(): Record<Outcome, number> {
    const { outcomes } = new LingerSet(0).totals;
    for (const { totals } of this.#lingerings)
      for (const outcome of Object.keys(outcomes) as Outcome[]) outcomes[outcome] += totals.outcomes[outcome];
    return outcomes;
  }

  liftLimit(lifted: boolean): void {
    if (this.#lingering && this.#options) this.#lingering.maximum = lifted ? Infinity : this.#options.maxLingering;
  }

  cutLingers(outcome: 'aborted' | 'timeout'): void {
    for (const lingering of this.#lingerings) lingering.cutAll(outcome);
    for (const closing of this.#applicationCloses) closing.cut(outcome);
  }

  attach(options: CheckedServerOptions): LingerSet {
    if (!this.#lingering) {
      // In front of Node's own listener, which may close a connection at once.
      this.server
        .prependListener('connection', this.#onConnection)
        .prependListener('secureConnection', this.#onSecureConnection);
      this.watchSessions();
      if (this.#stalled) watchPipelining();
      // A socket that this server has passed on to another server has that one as its owner.
      for (const socket of openSocketsOf(this.server)) if ((ownerOf(socket) ?? this) === this) this.#adopt(socket);
      if (this.#open.size > 0) this.#stalled?.watch();
    }
    this.#options = options;
    this.#lingering = new LingerSet(options.maxLingering, () => this.observer?.lingerEnded());
    // A shutdown that is under way compares its last figures with its first: then no set may leave.
    if (!this.observer) this.#lingerings = this.#lingerings.filter(({ active }) => active > 0);
    this.#lingerings.push(this.#lingering);
    return this.#lingering;
  }

  detach(lingering: LingerSet): void {
    if (this.#lingering !== lingering) return;
    this.#lingering = undefined;
    this.#options = undefined;
    this.server
      .removeListener('connection', this.#onConnection)
      .removeListener('secureConnection', this.#onSecureConnection);
    this.server.removeListener('session', this.#onSession);
    if (this.#stalled) unwatchPipelining();
    this.#stalled?.stop();
  }

  readonly #onConnection = (socket: unknown): void => {
    // An application that emits 'connection' itself may pass any stream.
    if (socket instanceof Socket) this.#adopt(socket);
  };

  readonly #onSecureConnection = (socket: TLSSocket): void => {
    this.#adoptTls(socket);
  };

  readonly #onSession = (session: ServerHttp2Session): void => {
    this.adoptSession(session);
  };

  /** For a server without lingerOnClose: Node has no list of its sessions, which closeServer has to tell. */
  watchSessions(): void {
    if (!this.server.listeners('session').includes(this.#onSession)) this.server.on('session', this.#onSession);
  }

  /** A session may have begun before lingerOnClose was called. */
  adoptSession(session: ServerHttp2Session): void {
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
  }

  /** Takes a connection that Node has accepted already. */
  adopt(socket: Socket): void {
    this.#adopt(socket);
  }

  #adopt(socket: Socket): void {
    const bare = bareSocketOf(socket);
    if (bare) {
      this.#adopt(bare);
      this.#adoptTls(socket as TLSSocket);
    } else if (!socket.destroyed && Object.isExtensible(socket) && !this.#open.has(socket) && !otherCopyOf(socket)) {
      setOwner(socket, this);
      this.#open.add(socket);
      if (this.#open.size >= this.#pruneAt) this.#prune();
      this.#stalled?.watch();
    }
  }

  #adoptTls(socket: TLSSocket): void {
    const bare = bareSocketOf(socket);
    if (bare && ownerOf(bare) === this) defineHidden(bare, TLS, socket);
    // The streams engine discards through the TLSSocket: the connection under a TLSSocket cannot be read past it.
    if (!bare || engine === 'streams') setOwner(socket, this);
  }

  onDestroy(socket: Socket, error: Error | undefined): void {
    const top = topOf(socket);
    const options = this.#options;
    // If the `choose` function itself destroys the socket, that is its decision.
    const given =
      options && this.#asking !== socket && this.#canLinger(socket)
        ? this.#choose(options, top, socket, error)
        : undefined;
    if (socket.destroyed) return;
    if (!given) {
      destroyNow(socket, error);
      return;
    }
    this.#lingering?.add(given.timeout, (closing) =>
      begin(closing, socket, () => {
        if (engine === 'native') closing.startDestroying(socket, given, error, top !== socket);
        else closing.start(socket, given);
      }),
    );
  }

  /**
   * The streams engine reads through the TLSSocket. Without one (the handshake still runs, or the TLSSocket is unknown)
   * it cannot linger.
   */
  #canLinger(socket: Socket): boolean {
    return engine === 'native' || isTls(socket) || !isTlsServer(this.server);
  }

  #choose(
    options: CheckedServerOptions,
    top: Socket,
    socket: Socket,
    error: Error | undefined,
  ): CheckedChoice | undefined {
    if (isHardClose(top, socket, error)) return undefined;
    this.#asking = socket;
    const choice = options.choose ? askHook(options, top) : options;
    this.#asking = undefined;
    return choice && mayReset(top, socket, choice.when, error) ? choice : undefined;
  }

  /** Ends a connection that has nothing to do any more: FIN, and a linger. */
  close(socket: Socket): void {
    const options = this.#options;
    // Before the end of the handshake TLS has no way to say goodbye.
    if (!options || (isTlsServer(this.server) && !isTls(socket))) socket.destroy();
    else
      this.#lingering?.add(options.timeout, (closing) =>
        begin(closing, socket, () => {
          const choice: CheckedChoice = options.mode === 'linger' ? options : { ...options, mode: 'linger' };
          // With nothing to flush, this costs a third. It is how Node ends idle connections: by destroy(), without end().
          if (engine === 'native' && this.#stalled && !isTls(socket) && socket.writableLength === 0)
            closing.startDestroying(socket, choice, undefined, false);
          else closing.start(socket, choice);
        }),
      );
  }

  onApplicationClose(closing: ApplicationClose): void {
    this.#applicationCloses.add(closing);
    closing.promise.then(() => {
      this.#applicationCloses.delete(closing);
      this.observer?.lingerEnded();
    });
  }

  forget(socket: Socket): void {
    if (this.#open.delete(socket)) this.observer?.closed(socket);
  }

  get flushTimeout(): number {
    return this.#options?.timeout ?? Infinity;
  }

  giveUpFlush(socket: Socket): void {
    this.#lingering?.add(0, (closing) => begin(closing, socket, () => closing.giveUpFlush(socket)));
  }

  /** Forgets sockets that were sent to another process: they are never destroyed in this one. */
  #prune(): void {
    for (const socket of this.#open.all()) if (!hasHandle(socket)) this.forget(socket);
    this.#pruneAt = Math.max(PRUNE_AT, 2 * this.#open.size);
  }
}

function begin(closing: ConnectionClose, socket: Socket, start: () => void): void {
  try {
    start();
  } catch (error) {
    // A listener or an overridden method of the application has thrown.
    closing.fail(socket, error as Error);
  }
}
