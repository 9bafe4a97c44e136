// What is known of a server that lingers on close: its connections, and what becomes of each connection that it closes.

import type { ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ConnectionClose } from '../close/connection-close.ts';
import { isClosing } from '../close/linger-guard.ts';
import { LingerSet } from '../close/linger-set.ts';
import { runtime } from '../core/runtime.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { engine } from '../engine/linger-loop.ts';
import { claimServer } from '../socket/copies.ts';
import { hasHandle, isStdioOfChild } from '../socket/descriptor.ts';
import type { SocketClose, SocketOwner } from '../socket/ownership.ts';
import {
  defineHidden,
  destroyAsNode,
  destroyTlsNow,
  isHeld,
  isResetting,
  otherCopyOf,
  ownerOf,
  setOwner,
} from '../socket/ownership.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { resetSocket } from '../socket/reset.ts';
import { bareSocketOf, isTls, isTlsServer, TLS, topOf } from '../socket/tls.ts';
import { addon } from '../system/addon.ts';
import { Connections } from './connection-list.ts';
import { openSocketsOf } from './earlier-sockets.ts';
import { Http2EarlyAnswers } from './http2-early-answers.ts';
import { Http2Sessions, limitByHttp2, noteDestroy } from './http2-sessions.ts';
import { IdleCloses } from './idle-closes.ts';
import { rememberServer } from './known-servers.ts';
import type { CheckedChoice, CheckedServerOptions } from './linger-on-close-options.ts';
import { unwatchPipelining, watchPipelining } from './pipelined-responses.ts';
import { isHttp, isHttp2 } from './server-kind.ts';
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
  /** Closes that the application has begun with safeClose. */
  readonly #applicationCloses = new Set<SocketClose>();
  observer: HubObserver | undefined;
  /** Whether lingerOnClose has been called for the server. A shutdown makes a hub too. */
  isCovered = false;
  /** The sockets, as the application knows them, for which the `choose` function runs at this moment. */
  readonly #asking = new Set<Socket>();
  readonly #stalled = new StalledConnections(this);
  readonly #idleCloses: IdleCloses;
  /** Stalled connections that `choose` has left to Node. */
  readonly #leftToNode = new WeakSet<Socket>();
  readonly #http2: Http2Sessions | undefined;
  readonly #earlyAnswers: Http2EarlyAnswers | undefined;

  constructor(server: Server) {
    this.server = server;
    this.#idleCloses = new IdleCloses(this);
    if (isHttp2(server)) {
      this.#http2 = new Http2Sessions(server);
      this.#earlyAnswers = new Http2EarlyAnswers(server, this.#http2);
    }
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
    return this.#http2?.all ?? [];
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
      if (isHttp(this.server)) watchPipelining();
      // A socket that this server has passed on to another server has that one as its owner.
      for (const socket of openSocketsOf(this.server)) if ((ownerOf(socket) ?? this) === this) this.#adopt(socket);
      if (this.#open.size > 0) this.#stalled.watch();
      if (this.#http2 && this.#open.size > 0) this.#http2.incomplete = true;
    }
    this.#options = options;
    this.#earlyAnswers?.start({ idleTimeout: options.idleTimeout, maxWaiting: options.maxLingering });
    if (options.readBeforeIdleClose && isHttp(this.server)) this.#idleCloses.start();
    else this.#idleCloses.stop();
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
    this.#http2?.stop();
    if (isHttp(this.server)) unwatchPipelining();
    this.#earlyAnswers?.stop();
    this.#stalled.stop();
    this.#idleCloses.stop();
  }

  readonly #onConnection = (socket: unknown): void => {
    // An application that emits 'connection' itself may pass any stream.
    if (socket instanceof Socket) this.#adopt(socket);
  };

  readonly #onSecureConnection = (socket: unknown): void => {
    if (socket instanceof Socket) this.#adoptTls(socket as TLSSocket);
  };

  /** For a server without lingerOnClose: Node has no list of its sessions, which closeServer has to tell. */
  watchSessions(): void {
    this.#http2?.start();
  }

  /** A session may have begun before lingerOnClose was called. */
  adoptSession(session: ServerHttp2Session): void {
    this.#http2?.adopt(session);
  }

  /** Takes a connection that Node has accepted already. An application may have emitted it: see onConnection. */
  adopt(socket: Socket): void {
    if (!(socket instanceof Socket)) return;
    this.#adopt(socket);
    if (this.#http2) this.#http2.incomplete = true;
  }

  #adopt(socket: Socket): void {
    const bare = bareSocketOf(socket);
    if (bare) {
      this.#adopt(bare);
      this.#adoptTls(socket as TLSSocket);
    } else if (!socket.destroyed && Object.isExtensible(socket) && !this.#open.has(socket) && !otherCopyOf(socket)) {
      setOwner(socket, this);
      this.#open.add(socket);
      if (runtime === 'Bun' && isHttp(this.server)) this.#takeDestroySoon(socket);
      if (this.#open.size >= this.#pruneAt) this.#prune();
      this.#stalled.watch();
      if (!isTlsServer(this.server)) this.#idleCloses.watch(socket);
    }
  }

  #adoptTls(socket: TLSSocket): void {
    const bare = bareSocketOf(socket);
    if (bare && ownerOf(bare) === this) defineHidden(bare, TLS, socket);
    setOwner(socket, this);
    this.#idleCloses.watch(socket);
  }

  /**
   * Bun ends a connection of an HTTP server by destroySoon(), at once and without destroy(), which it calls when the
   * connection is gone.
   */
  #takeDestroySoon(socket: Socket): void {
    const { destroySoon } = socket;
    socket.destroySoon = () => {
      const options = this.#options;
      const given =
        options && !socket.destroyed && !isHeld(socket) ? this.#choose(options, socket, socket, undefined) : undefined;
      const lingering = this.#lingering;
      if (!given || !lingering) destroySoon.call(socket);
      else lingering.add(socket, (closing) => begin(closing, socket, () => closing.start(socket, given)));
    };
  }

  onDestroy(socket: Socket, error: Error | undefined): void {
    // The socket was sent to another process, or was never connected: there is nothing that could linger.
    if (!hasHandle(socket) || socket.connecting) {
      destroyAsNode(socket, error);
      return;
    }
    if (isResetting(socket)) {
      resetSocket(socket);
      return;
    }
    if (this.#http2) noteDestroy(topOf(socket));
    if (engine === 'native' && bareSocketOf(socket)) {
      this.#onTlsDestroy(socket, error);
      return;
    }
    const top = topOf(socket);
    const options = this.#options;
    // If the `choose` function itself destroys the socket, that is its decision.
    const given =
      options && !this.#asking.has(top) && this.#canLinger(socket)
        ? this.#choose(options, top, socket, error)
        : undefined;
    if (socket.destroyed) return;
    // Looked up behind `choose`, which may have called disable().
    const lingering = this.#lingering;
    if (!given || !lingering) {
      destroyAsNode(socket, error);
      return;
    }
    lingering.add(socket, (closing) =>
      begin(closing, socket, () => {
        if (engine === 'native') closing.startDestroying(socket, given, error, top);
        else closing.start(socket, given);
      }),
    );
  }

  /**
   * A TLSSocket is destroyed, and then Node destroys the connection under it, which lingers. Node throws away what the
   * TLSSocket has not encrypted yet, though the connection may have room for it: then the output is flushed first.
   */
  #onTlsDestroy(socket: Socket, error: Error | undefined): void {
    const options = this.#options;
    const holdsOutput = options && !this.#asking.has(socket) && socket.writableLength > 0;
    const given = holdsOutput && !isHardClose(socket, socket, error) ? this.#ask(options, socket) : undefined;
    if (socket.destroyed) return;
    const lingering = this.#lingering;
    if (given && lingering) {
      lingering.add(socket, (closing) => begin(closing, socket, () => closing.start(socket, given)));
    } else {
      destroyTlsNow(socket, error);
    }
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
    const choice = this.#ask(options, top);
    if (!choice || !mayReset(top, socket, choice.when, error)) return undefined;
    // A linger would send FIN in the middle of what the child writes, and take what the child reads.
    if (isStdioOfChild(socket)) return undefined;
    return this.#http2 ? limitByHttp2(choice, error ?? top.errored) : choice;
  }

  /** @param socket as the application knows it */
  #ask(options: CheckedServerOptions, socket: Socket): CheckedChoice | undefined {
    if (!options.choose) return options;
    this.#asking.add(socket);
    try {
      return askHook(options, socket);
    } finally {
      this.#asking.delete(socket);
    }
  }

  /** Ends a connection that has nothing to do any more: FIN, and a linger. */
  close(socket: Socket): void {
    // Before the end of the handshake TLS has no way to say goodbye.
    const options = this.#options;
    if (isClosing(socket)) return;
    if (!options || (isTlsServer(this.server) && !isTls(socket))) {
      socket.destroy();
      return;
    }
    const choice: CheckedChoice = options.mode === 'linger' ? options : { ...options, mode: 'linger' };
    // With nothing to flush, this costs a third of a close by end(). Node ends idle connections like this too.
    if (engine === 'native' && isHttp(this.server) && !isTls(socket) && socket.writableLength === 0) {
      if (this.#lingering?.addQuiet(socket, choice)) return;
      this.#lingering?.add(socket, (closing) =>
        begin(closing, socket, () => closing.startDestroying(socket, choice, undefined, socket)),
      );
    } else {
      this.#end(socket, choice);
    }
  }

  #end(socket: Socket, options: CheckedChoice): void {
    if (isClosing(socket)) return;
    this.#lingering?.add(socket, (closing) =>
      begin(closing, socket, () => closing.start(socket, { ...options, mode: 'linger' })),
    );
  }

  /** Ends a connection that would wait for ever; Node would leave it, so `choose` may leave it too. */
  closeStalled(socket: Socket): void {
    const options = this.#options;
    if (!options || this.#leftToNode.has(socket)) return;
    const given = this.#ask(options, socket);
    if (socket.destroyed) return;
    if (given && !isStdioOfChild(socket)) this.#end(socket, given);
    else this.#leftToNode.add(socket);
  }

  onApplicationClose(closing: SocketClose): void {
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

  /** An HTTP server has half-open sockets for purposes of its own. */
  get hasHalfOpenProtocol(): boolean {
    return !isHttp(this.server);
  }

  mayHavePending(socket: Socket): boolean {
    return !addon || pendingBytesOf(bareSocketOf(socket) ?? socket) > 0;
  }

  giveUpFlush(socket: Socket): void {
    this.#lingering?.add(socket, (closing) => begin(closing, socket, () => closing.giveUpFlush(socket)));
  }

  /**
   * Forgets sockets that were sent to another process, which are never destroyed in this one, and those that were
   * destroyed through another object, which inherits from the socket.
   */
  #prune(): void {
    const isGone = (socket: Socket) => socket.destroyed || !hasHandle(socket);
    // The sockets of Bun's HTTP servers have no handle at any time.
    if (runtime !== 'Bun') for (const socket of this.#open.all()) if (isGone(socket)) this.forget(socket);
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
