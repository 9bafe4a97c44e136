// A server that is being closed: its stages, one after the other.

import { Server, Socket } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { callbackWarning, callOrWarn } from '../core/callback-warning.ts';
import { onAbort } from '../core/on-abort.ts';
import { inSlices } from '../core/slices.ts';
import { clearTimeout, MAX_DELAY, now, setImmediate, setTimeout } from '../core/time.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { checkServerOptions } from '../server/linger-on-close-options.ts';
import { currentResponseOf } from '../server/pipelined-responses.ts';
import type { HubObserver } from '../server/server-hub.ts';
import { hubOf, ServerHub } from '../server/server-hub.ts';
import { isHttp } from '../server/server-kind.ts';
import { consumerOfEnded } from '../server/unread-input.ts';
import { isStdioOfChild } from '../socket/descriptor.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { resetSocket } from '../socket/reset.ts';
import { bareSocketOf, isTls, isTlsServer, topOf } from '../socket/tls.ts';
import { acceptBacklog, watchBacklog } from './backlog.ts';
import type { CheckedCloseServerOptions, InFlight } from './close-server-options.ts';
import { GoodbyeResponses } from './goodbye-http1.ts';
import { GoodbyeHttp2 } from './goodbye-http2.ts';
import { IdleConnections, type IdleEnd } from './idle-connections.ts';
import { IdleEnds } from './idle-ends.ts';
import type { ServerCloseReport } from './server-close-report.ts';
import { type MethodCalls, ServerMethods } from './server-methods.ts';
import { Timers } from './timers.ts';

/**
 * Milliseconds for a connection that was just accepted to send its request, once listening has stopped; and for a
 * client that pipelines to be told of the end behind all that it has sent.
 */
const GRACE = 1_000;

/** Milliseconds between two looks for idle connections. */
const LOOK = 125;

/** Milliseconds between two looks for connections that wait only for the end of their peer. */
const SWEEP = 1_000;

/** A shutdown that waits in its first stage. The server goes on listening. */
export interface Hold {
  over: Promise<unknown>;
  /** Asked when it is over, or the application closes the server. */
  times(): Times;
}

export type Times = Pick<CheckedCloseServerOptions, 'drainDelay' | 'timeout' | 'lingerTimeout'>;

export class ServerShutdown implements HubObserver, MethodCalls {
  readonly promise: Promise<ServerCloseReport>;
  readonly #server: Server;
  readonly #hub: ServerHub;
  readonly #options: CheckedCloseServerOptions;
  readonly #startedAt = now();
  readonly #outcomesBefore: Record<Outcome, number>;
  readonly #responses: GoodbyeResponses;
  readonly #http2: GoodbyeHttp2;
  readonly #idle: IdleConnections;
  readonly #idleEnds: IdleEnds | undefined;
  readonly #timers = new Timers();
  readonly #methods: ServerMethods;
  /** The connections that are being closed, where the application has had the server listen again; else all. */
  #only: Set<Socket> | undefined;
  /** Ends the lingering on close of a server for which only this shutdown has begun it. */
  readonly #detach: (() => void) | undefined;
  readonly #stopListening: (() => void)[] = [];
  #isDone = () => true;
  #wake = () => {};
  readonly #figures = { idle: 0, finished: 0, cut: 0 };
  /** As what a connection is counted when it is gone. The others have finished. */
  readonly #ends = new Map<Socket, IdleEnd | 'cut'>();
  readonly #toldGoodbye = new WeakSet<object>();
  /** What each connection that has sent FIN had read at the last look. */
  readonly #bytesRead = new WeakMap<Socket, number>();
  #aborted = false;
  #listens = true;
  /** Whether {@link GRACE} is over. */
  #late = false;
  #holds = true;
  /** Whether a look for idle connections is under way. */
  #looks = false;
  #ended = false;

  /** The shutdown of a server that is under way, unless the server listens again since. */
  static under(server: Server): ServerShutdown | undefined {
    const observer = hubOf(server)?.observer;
    return observer instanceof ServerShutdown ? observer : undefined;
  }

  constructor(server: Server, options: CheckedCloseServerOptions, hold?: Hold) {
    const hub = hubOf(server) ?? new ServerHub(server);
    this.#server = server;
    this.#hub = hub;
    this.#options = options;
    if (!hub.lingering) {
      const lingering = hub.attach(checkServerOptions(undefined, isHttp(server) ? 'needed' : 'always'));
      this.#detach = () => hub.detach(lingering);
    }
    this.#outcomesBefore = { ...hub.outcomes };
    this.#responses = new GoodbyeResponses(
      hub,
      (bare) => this.#concerns(bare),
      () => this.#late,
    );
    this.#http2 = new GoodbyeHttp2(hub, options.settle);
    this.#idle = new IdleConnections(hub, options.settle);
    // With settle: 0 an idle connection has no time anyway.
    if (isHttp(server) && options.settle > 0) this.#idleEnds = new IdleEnds(server, hub.open.map(topOf));
    this.#methods = new ServerMethods(server, this);
    // The hub forgets sockets that were sent to another process when it is asked for those that are open, as above.
    hub.observer = this;
    this.governBy(options.signal);
    this.promise = this.#run(hold);
  }

  /** Whether the application has had the server listen again: then these connections belong to no shutdown. */
  get isPast(): boolean {
    return this.#only !== undefined;
  }

  /** Another signal that aborts the shutdown. */
  governBy(signal: AbortSignal | undefined): void {
    const abort = () => {
      this.#aborted = true;
      this.#wake();
    };
    if (signal?.aborted) abort();
    else if (signal) this.#stopListening.push(onAbort(signal, abort));
  }

  // HubObserver
  closed(bare: Socket): void {
    if (!this.#concerns(bare)) return;
    this.#only?.delete(bare);
    this.#idle.forget(topOf(bare));
    const end = this.#responses.losesRequest(bare) ? 'cut' : (this.#ends.get(bare) ?? 'finished');
    this.#ends.delete(bare);
    this.#figures[end]++;
    // Before Node counts the last connection as gone, so that the server emits 'close' once.
    if (!this.#listens && this.#hub.isEmpty) this.#closeForGood();
    this.#look();
  }

  lingerEnded(): void {
    this.#look();
  }

  #look(): void {
    if (this.#isDone()) this.#wake();
  }

  #concerns(bare: Socket): boolean {
    return this.#only?.has(bare) ?? true;
  }

  get #open(): Socket[] {
    const { open } = this.#hub;
    return this.#only ? open.filter((bare) => this.#only?.has(bare)) : open;
  }

  async #run(hold: Hold | undefined): Promise<ServerCloseReport> {
    try {
      await this.#stages(hold);
    } catch (error) {
      // A listener or an overridden method of the application has thrown.
      callbackWarning('closing', 'closeServer', error);
      this.#hub.cutLingers('timeout');
    }
    return this.#end();
  }

  async #stages(hold: Hold | undefined): Promise<void> {
    if (hold) await this.#waitFor(hold.over);
    const { drainDelay, timeout, lingerTimeout } = hold?.times() ?? this.#options;
    // A server that does not listen may be about to (a name is being looked up; a cluster worker asks its primary).
    // Node's close() ends that, if it is called now. There is nothing to drain.
    if (this.#server.listening) {
      await this.#until(drainDelay, () => !this.#listens || !this.#server.listening);
      await acceptBacklog(this.#server, () => this.#aborted || !this.#listens);
    }
    this.#stop();
    const isDone = () => this.#isEmpty() && (this.isPast || !this.#hub.lingers);
    await this.#until(timeout, isDone);
    await this.#cutRest();
    await this.#until(lingerTimeout, isDone);
    if (!this.isPast) this.#hub.cutLingers(this.#aborted ? 'aborted' : 'timeout');
  }

  async #waitFor(over: Promise<unknown>): Promise<void> {
    void over.finally(() => this.onClose());
    await this.#until(Infinity, () => !this.#holds);
  }

  /** Waits until `isDone`, but not longer than `ms`, and not behind an abort. */
  async #until(ms: number, isDone: () => boolean): Promise<void> {
    const deadline = now() + ms;
    this.#isDone = isDone;
    while (!this.#aborted && !isDone()) {
      const left = deadline - now();
      if (left <= 0) {
        // See core/after-poll.ts: a connection that has ended by now is not to be cut. With ms = 0 no time has passed.
        if (ms > 0) await new Promise<void>((resolve) => void setImmediate(resolve));
        return;
      }
      await new Promise<void>((resolve) => {
        // After MAX_DELAY the loop looks at the clock, and starts another timer.
        const timer = setTimeout(resolve, Math.min(left, MAX_DELAY));
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  #isEmpty(): boolean {
    return this.#only ? this.#only.size === 0 : this.#hub.isEmpty;
  }

  #stop(): void {
    if (!this.#listens) return;
    this.#listens = false;
    const lostInBacklog = watchBacklog(this.#server);
    this.#endListening();
    this.#figures.cut += lostInBacklog();
    if (this.#aborted) return;
    this.#http2.stopListening();
    this.#sayGoodbyes();
    this.#timers.every(SWEEP, () => this.#sweep());
    if (!isHttp(this.#server)) return;
    this.#closeIdle('idle');
    this.#timers.every(LOOK, () => this.#closeIdle('finished'));
    this.#timers.once(GRACE, () => {
      this.#late = true;
      this.#closeSilent();
    });
  }

  /**
   * close() of an HTTP server would destroy its idle connections, and end the watch over headersTimeout and
   * requestTimeout: it is called with the last connection. Only close() knows HTTP/2 sessions that began before the
   * server was covered. A server of Bun is no net.Server.
   */
  #endListening(): void {
    const server = this.#server;
    if (!this.#aborted) this.#hub.liftLimit(true);
    const forGood = this.#aborted || this.#isEmpty() || (this.#detach && 'updateSettings' in server);
    if (!forGood && server instanceof Server) Server.prototype.close.call(server);
    else this.#closeForGood();
  }

  // MethodCalls
  onClose(): void {
    this.#holds = false;
    this.#look();
  }

  over(): Promise<unknown> {
    return this.promise;
  }

  /** As behind `server.close()`, the new connections are no concern of the shutdown. */
  onListen(): void {
    this.#stop();
    this.#only = new Set(this.#hub.open);
    this.#http2.leaveNewOnes();
    this.#wake();
  }

  #closeForGood(): void {
    if (this.isPast) return;
    try {
      this.#methods.callClose();
    } catch (error) {
      callbackWarning('server.close', 'closeServer', error);
      if (this.#server instanceof Server) Server.prototype.close.call(this.#server);
    }
  }

  /** Whether the protocol is the application's own: an upgraded connection, and any of a net or tls server. */
  #isApplications(socket: Socket): boolean {
    // In the middle of a handshake nothing can be said.
    if (isTlsServer(this.#server) && !isTls(socket)) return false;
    if (!isHttp(this.#server)) return true;
    return !this.#http2.speaks(socket) && 'parser' in socket && !socket.parser;
  }

  /** Called again later, for connections that were upgraded or accepted when listening was about to stop. */
  #sayGoodbyes(): void {
    const { goodbye, goodbyeResponse } = this.#options;
    if (goodbye) this.#inSlices((bare) => this.#sayGoodbye(topOf(bare)));
    if (!goodbyeResponse || !isHttp(this.#server)) return;
    this.#inSlices((bare) => {
      const response = currentResponseOf(topOf(bare));
      if (response && !this.#responses.withholds(response)) this.#sayGoodbyeResponse(response);
    });
    for (const stream of this.#http2.streams()) this.#sayGoodbyeResponse(stream);
  }

  #sayGoodbye(socket: Socket): void {
    if (this.#toldGoodbye.has(socket) || !this.#isApplications(socket) || isClosing(socket)) return;
    this.#toldGoodbye.add(socket);
    callOrWarn('goodbye', 'closeServer', () => this.#options.goodbye?.(socket));
  }

  #sayGoodbyeResponse(response: InFlight): void {
    if (this.#toldGoodbye.has(response) || response.writableEnded || response.destroyed) return;
    this.#toldGoodbye.add(response);
    callOrWarn('goodbyeResponse', 'closeServer', () => this.#options.goodbyeResponse?.(response));
  }

  #closeIdle(end: IdleEnd): void {
    if (this.#looks) return;
    this.#looks = true;
    const close = (socket: Socket, as: IdleEnd) => {
      if (this.#concerns(bareSocketOf(socket) ?? socket)) this.#close(socket, as);
    };
    void this.#idle
      .look(end, close, () => this.#ended)
      .finally(() => {
        this.#looks = false;
      });
  }

  /** Those that were accepted, and have not sent a byte since. */
  #closeSilent(): void {
    this.#http2.closeAll();
    this.#inSlices((bare) => {
      if (isSilent(bare)) this.#close(topOf(bare), 'idle');
    });
  }

  #close(socket: Socket, end: IdleEnd): void {
    this.#ends.set(bareSocketOf(socket) ?? socket, end);
    this.#hub.close(socket);
  }

  /** A connection that has sent FIN and waits only for the end of its peer lingers: it gets the limits of a linger. */
  #sweep(): void {
    this.#sayGoodbyes();
    this.#inSlices((bare) => {
      const socket = topOf(bare);
      if (!socket.writableFinished || socket.destroyed || isClosing(socket) || this.#isRead(socket)) return;
      this.#close(socket, 'finished');
    });
  }

  /**
   * Whether the application still reads what the peer sends behind our FIN: an upload, or one direction of a tunnel. A
   * linger would throw that away. A peer that is silent for the time between two looks has sent all, save in a protocol
   * of half-open connections.
   */
  #isRead(socket: Socket): boolean {
    if (consumerOfEnded(socket) === 'none') return false;
    if (socket.allowHalfOpen && this.#hub.hasHalfOpenProtocol) return true;
    const { bytesRead } = socket;
    const moved = this.#bytesRead.get(socket) !== bytesRead;
    this.#bytesRead.set(socket, bytesRead);
    return moved || socket.readableLength > 0 || pendingBytesOf(bareSocketOf(socket) ?? socket) > 0;
  }

  #inSlices(run: (bare: Socket) => void): Promise<void> {
    return inSlices(
      this.#open,
      (bare) => bare.destroyed || run(bare),
      () => this.#ended,
    );
  }

  async #cutRest(): Promise<void> {
    if (!this.#aborted && isHttp(this.#server)) {
      for (const [socket, end] of this.#idle.find())
        if (this.#concerns(bareSocketOf(socket) ?? socket)) this.#close(socket, end);
    }
    await this.#inSlices((bare) => {
      const socket = topOf(bare);
      // A close is under way, and ends as lingers do.
      if (isClosing(socket)) return;
      this.#ends.set(bare, 'cut');
      // A child process that has the connection as its stdio goes on with it.
      if (this.#aborted && !isStdioOfChild(bare)) resetSocket(socket);
      else this.#destroy(socket, bare);
    });
  }

  #destroy(socket: Socket, bare: Socket): void {
    try {
      socket.destroy();
    } catch (error) {
      // A method of the application has thrown. The others are to be cut too, and this one counts.
      callbackWarning('socket.destroy', 'closeServer', error);
      Socket.prototype.destroy.call(socket);
      this.#hub.forget(bare);
    }
  }

  #end(): ServerCloseReport {
    this.#ended = true;
    this.#hub.observer = undefined;
    this.#hub.liftLimit(false);
    this.#timers.stop();
    for (const stop of this.#stopListening) stop();
    this.#methods.giveBack();
    this.#idleEnds?.stop();
    this.#responses.stop();
    this.#http2.stop();
    const outcomes = { ...this.#hub.outcomes };
    for (const outcome of Object.keys(outcomes) as Outcome[]) outcomes[outcome] -= this.#outcomesBefore[outcome];
    this.#detach?.();
    return {
      ...this.#figures,
      outcomes,
      duration: now() - this.#startedAt,
      aborted: this.#aborted,
    };
  }
}

/** Whether a connection was accepted, and has not sent a byte of a request or of a handshake. */
function isSilent(bare: Socket): boolean {
  const socket = topOf(bare);
  return socket.bytesRead === 0 && !isClosing(socket) && pendingBytesOf(bare) === 0;
}
