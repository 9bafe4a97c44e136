// A server that is being closed: its stages, one after the other.

import type { Socket } from 'node:net';
import { Server } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { callbackWarning } from '../core/callback-warning.ts';
import { onAbort } from '../core/on-abort.ts';
import { clearTimeout, MAX_DELAY, now, setImmediate, setTimeout } from '../core/time.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { checkServerOptions } from '../server/linger-on-close-options.ts';
import type { HubObserver } from '../server/server-hub.ts';
import { hubOf, ServerHub } from '../server/server-hub.ts';
import { isHttp } from '../server/server-kind.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { resetSocket } from '../socket/reset.ts';
import { bareSocketOf, isTls, isTlsServer, topOf } from '../socket/tls.ts';
import type { CheckedCloseServerOptions } from './close-server-options.ts';
import { GoodbyeResponses } from './goodbye-http1.ts';
import { GoodbyeHttp2 } from './goodbye-http2.ts';
import { closeForGood, IdleConnections, type IdleEnd } from './idle-connections.ts';
import type { ServerCloseReport } from './server-close-report.ts';
import { Timers } from './timers.ts';

/** Milliseconds for a connection that was just accepted to send its request, once listening has stopped. */
const GRACE = 1_000;

/**
 * Milliseconds that a connection must have been idle. A client that uses the connection again at once has its next
 * request on the way when FIN goes out, and would lose the request. In this time the request is answered, and the
 * client is told that the connection ends. Mostly this is longer than a round trip between continents.
 */
const SETTLE = 250;

/** Milliseconds between two looks for idle connections. */
const LOOK = 125;

/** Milliseconds between two looks for connections that wait only for the end of their peer. */
const SWEEP = 1_000;

export class ServerShutdown implements HubObserver {
  readonly promise: Promise<ServerCloseReport>;
  readonly #server: Server;
  readonly #hub: ServerHub;
  readonly #options: CheckedCloseServerOptions;
  readonly #startedAt = now();
  readonly #outcomesBefore: Record<Outcome, number>;
  readonly #responses: GoodbyeResponses;
  readonly #http2: GoodbyeHttp2;
  readonly #idle: IdleConnections;
  readonly #timers = new Timers();
  /** Ends the lingering on close of a server for which only this shutdown has begun it. */
  readonly #detach: (() => void) | undefined;
  readonly #stopListening: (() => void)[] = [];
  #wake = () => {};
  readonly #figures = { idle: 0, finished: 0, cut: 0 };
  /** As what a connection is counted when it is gone. The others have finished. */
  readonly #ends = new WeakMap<Socket, IdleEnd | 'cut'>();
  readonly #toldGoodbye = new WeakSet<Socket>();
  #aborted = false;
  #listens = true;

  /** The shutdown of a server that is under way, or a new one. */
  static of(server: Server, options: CheckedCloseServerOptions): ServerShutdown {
    const hub = hubOf(server) ?? new ServerHub(server);
    const closing = hub.observer instanceof ServerShutdown ? hub.observer : new ServerShutdown(server, hub, options);
    closing.#governBy(options.signal);
    return closing;
  }

  private constructor(server: Server, hub: ServerHub, options: CheckedCloseServerOptions) {
    this.#server = server;
    this.#hub = hub;
    this.#options = options;
    if (!hub.lingering) {
      const lingering = hub.attach(checkServerOptions(undefined, isHttp(server) ? 'needed' : 'always'));
      this.#detach = () => hub.detach(lingering);
    }
    this.#outcomesBefore = { ...hub.outcomes };
    hub.observer = this;
    this.#responses = new GoodbyeResponses(hub);
    this.#http2 = new GoodbyeHttp2(hub, SETTLE);
    this.#idle = new IdleConnections(hub, SETTLE);
    this.#closeIdle('idle');
    this.promise = this.#run();
  }

  // HubObserver
  closed(bare: Socket): void {
    this.#figures[this.#ends.get(bare) ?? 'finished']++;
    // Before Node counts the last connection as gone, so that the server emits 'close' once.
    if (!this.#listens && this.#isEmpty()) this.#closeForGood();
    this.#wake();
  }

  lingerEnded(): void {
    this.#wake();
  }

  async #run(): Promise<ServerCloseReport> {
    try {
      await this.#stages();
    } catch (error) {
      // A listener or an overridden method of the application has thrown.
      callbackWarning('closing', 'closeServer', error);
      this.#hub.cutLingers('timeout');
    }
    return this.#end();
  }

  async #stages(): Promise<void> {
    const { drainDelay, timeout, lingerTimeout } = this.#options;
    await this.#until(drainDelay, () => false);
    // The end of listening resets connections in the backlog: a turn of the event loop accepts them.
    await new Promise(setImmediate);
    this.#stop();
    await this.#until(timeout, () => this.#isEmpty() && !this.#hub.lingers);
    this.#cutRest();
    await this.#until(lingerTimeout, () => this.#isEmpty() && !this.#hub.lingers);
    this.#hub.cutLingers(this.#aborted ? 'aborted' : 'timeout');
  }

  /** Waits until `isDone`, but not longer than `ms`, and not behind an abort. */
  async #until(ms: number, isDone: () => boolean): Promise<void> {
    const deadline = now() + ms;
    while (!this.#aborted && !isDone()) {
      const left = deadline - now();
      if (left <= 0) {
        // See core/after-poll.ts: a connection that has ended by now is not to be cut. With ms = 0 no time has passed.
        if (ms > 0) await new Promise(setImmediate);
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
    return this.#hub.isEmpty;
  }

  #stop(): void {
    const { listening } = this.#server;
    this.#listens = false;
    this.#hub.liftLimit(true);
    if (this.#aborted) {
      if (listening) this.#closeForGood();
      return;
    }
    if (listening) {
      // close() of an HTTP server would destroy its idle connections, and end the watch over headersTimeout and
      // requestTimeout: it is called with the last connection. Only close() knows HTTP/2 sessions that began before
      // the server was covered.
      if (this.#isEmpty() || (this.#detach && 'updateSettings' in this.#server)) this.#closeForGood();
      else if (this.#server instanceof Server) Server.prototype.close.call(this.#server);
      // Of Bun.
      else this.#closeForGood();
    }
    this.#http2.stopListening();
    this.#sayGoodbyes();
    this.#timers.every(SWEEP, () => this.#sweep());
    if (!isHttp(this.#server)) return;
    this.#closeIdle('idle');
    this.#timers.every(LOOK, () => this.#closeIdle('finished'));
    this.#timers.once(GRACE, () => {
      this.#http2.closeAll();
      for (const bare of this.#hub.open) if (isSilent(bare)) this.#close(topOf(bare), 'idle');
    });
  }

  #closeForGood(): void {
    try {
      closeForGood(this.#server);
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
    for (const socket of this.#hub.sockets) {
      if (this.#toldGoodbye.has(socket) || !this.#isApplications(socket) || isClosing(socket)) continue;
      this.#toldGoodbye.add(socket);
      this.#sayGoodbye(socket);
    }
  }

  #sayGoodbye(socket: Socket): void {
    try {
      this.#options.goodbye?.(socket);
    } catch (error) {
      callbackWarning('goodbye', 'closeServer', error);
    }
  }

  #closeIdle(end: IdleEnd): void {
    const settled = this.#idle.look(end);
    if (!this.#listens) for (const socket of settled) this.#close(socket, this.#idle.endOf(socket));
  }

  #close(socket: Socket, end: IdleEnd): void {
    this.#ends.set(bareSocketOf(socket) ?? socket, end);
    this.#hub.close(socket);
  }

  /** A connection that has sent FIN and waits for its peer lingers, so it gets the limits of a linger. */
  #sweep(): void {
    this.#sayGoodbyes();
    for (const socket of this.#hub.sockets)
      if (socket.writableFinished && !socket.destroyed && !isClosing(socket)) this.#close(socket, 'finished');
  }

  #cutRest(): void {
    if (!this.#aborted) for (const socket of this.#idle.find()) this.#close(socket, this.#idle.endOf(socket));
    for (const bare of this.#hub.open) {
      const socket = topOf(bare);
      // A close is under way, and ends as lingers do.
      if (isClosing(socket)) continue;
      this.#ends.set(bare, 'cut');
      if (this.#aborted) resetSocket(socket);
      else socket.destroy();
    }
  }

  #governBy(signal: AbortSignal | undefined): void {
    const abort = () => {
      this.#aborted = true;
      this.#wake();
    };
    if (signal?.aborted) abort();
    else if (signal) this.#stopListening.push(onAbort(signal, abort));
  }

  #end(): ServerCloseReport {
    this.#hub.observer = undefined;
    this.#hub.liftLimit(false);
    this.#timers.stop();
    for (const stop of this.#stopListening) stop();
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
