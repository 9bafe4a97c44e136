// A server that is being closed: its stages, one after the other, and its report.

import type { Socket } from 'node:net';
import { Server } from 'node:net';
import { isClosing } from '../close/linger-guard.ts';
import { callbackWarning } from '../core/callback-warning.ts';
import { onAbort } from '../core/on-abort.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { checkServerOptions } from '../server/linger-on-close-options.ts';
import type { HubObserver } from '../server/server-hub.ts';
import { hubOf, ServerHub } from '../server/server-hub.ts';
import { isHttp } from '../server/server-kind.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { resetSocket } from '../socket/reset.ts';
import { bareSocketOf, isTls, topOf } from '../socket/tls.ts';
import type { CheckedCloseServerOptions } from './close-server-options.ts';
import { GoodbyeResponses } from './goodbye-http1.ts';
import { GoodbyeHttp2 } from './goodbye-http2.ts';
import { closeForGood, findIdle } from './idle-connections.ts';
import type { ServerCloseReport } from './server-close-report.ts';

/** How long a connection that was just accepted may take to send its request, once listening has stopped. */
const GRACE = 1_000;

/**
 * How long a connection must have been idle. A client that uses it again at once has its next request on the way when
 * FIN goes out, and would lose it: in that time it is answered, and told that the connection ends. Longer than a round
 * trip between continents, mostly. /
 */
const SETTLE = 250;

/** How often idle connections are looked for. */
const LOOK = 125;

/** How often connections are looked at that wait for the end of a peer only. */
const SWEEP = 1_000;

interface Idle {
  /** What it had read by then: with more it has had a request since. */
  bytesRead: number;
  since: number;
  end: 'idle' | 'finished';
}

export class ServerShutdown implements HubObserver {
  readonly promise: Promise<ServerCloseReport>;
  readonly #server: Server;
  readonly #hub: ServerHub;
  readonly #options: CheckedCloseServerOptions;
  readonly #startedAt = performance.now();
  readonly #outcomesBefore: Record<Outcome, number>;
  readonly #responses: GoodbyeResponses;
  readonly #http2: GoodbyeHttp2;
  /** Whether the server lingers for our sake alone. */
  readonly #lent: (() => void) | undefined;
  readonly #stopListening: (() => void)[] = [];
  #wake = () => {};
  readonly #figures = { idle: 0, finished: 0, cut: 0 };
  /** Connections whose end is not their own, until it comes. */
  readonly #ends = new WeakMap<Socket, 'idle' | 'finished' | 'cut'>();
  readonly #idle = new WeakMap<Socket, Idle>();
  readonly #toldGoodbye = new WeakSet<Socket>();
  #aborted = false;
  #listens = true;

  /** The closing of a server that is under way, or a new one. */
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
      this.#lent = () => hub.detach(lingering);
    }
    this.#outcomesBefore = { ...hub.outcomes };
    hub.observer = this;
    this.#responses = new GoodbyeResponses(hub);
    this.#http2 = new GoodbyeHttp2(hub, SETTLE);
    this.#closeIdle('idle');
    this.promise = this.#run();
  }

  // HubObserver
  closed(bare: Socket): void {
    this.#figures[this.#ends.get(bare) ?? 'finished']++;
    // While the last connection still counts, so that the server emits 'close' once.
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
      // A listener or an overridden method of the application.
      callbackWarning('closing', 'closeServer', error);
      this.#hub.cutLingers('timeout');
    }
    return this.#end();
  }

  async #stages(): Promise<void> {
    const { drainDelay, timeout, lingerTimeout } = this.#options;
    await this.#until(drainDelay, () => false);
    // What waits in the backlog would be reset with it: a turn of the event loop accepts that.
    await new Promise(setImmediate);
    this.#stop();
    await this.#until(timeout, () => this.#isEmpty() && !this.#hub.lingers);
    this.#cutRest();
    await this.#until(lingerTimeout, () => this.#isEmpty() && !this.#hub.lingers);
    this.#hub.cutLingers(this.#aborted ? 'aborted' : 'timeout');
  }

  /** Until it is done, but not longer than `ms`, and not longer than the abort. */
  async #until(ms: number, isDone: () => boolean): Promise<void> {
    const deadline = performance.now() + ms;
    while (!this.#aborted && !isDone()) {
      const left = deadline - performance.now();
      if (left <= 0) {
        // A blocked event loop runs timers before it looks at sockets: what has ended by now is not to be cut. Where
        // there was no time, none was spent blocked.
        if (ms > 0) await new Promise(setImmediate);
        return;
      }
      await new Promise<void>((resolve) => {
        // Node's timers end at 2^31 - 1 ms: the loop looks again, and starts anew.
        const timer = setTimeout(resolve, Math.min(left, 2_147_483_647));
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
      // Not the close() of an HTTP server, which would destroy idle connections, and end the watch over headersTimeout
      // and requestTimeout: that comes with the last connection. HTTP/2 sessions that were not seen coming are known to
      // it alone.
      if (this.#isEmpty() || (this.#lent && 'updateSettings' in this.#server)) this.#closeForGood();
      else Server.prototype.close.call(this.#server);
    }
    this.#http2.stopListening();
    this.#sayGoodbyes();
    this.#every(SWEEP, () => this.#sweep());
    if (!isHttp(this.#server)) return;
    this.#closeIdle('idle');
    this.#every(LOOK, () => this.#closeIdle('finished'));
    this.#once(GRACE, () => {
      this.#http2.closeAll();
      for (const bare of this.#hub.open) if (isSilent(bare)) this.#close(topOf(bare), 'idle');
    });
  }

  #closeForGood(): void {
    try {
      closeForGood(this.#server);
    } catch (error) {
      callbackWarning('server.close', 'closeServer', error);
      Server.prototype.close.call(this.#server);
    }
  }

  /** An upgraded connection, and any of a server that does not speak HTTP. */
  #isApplications(socket: Socket): boolean {
    // In the middle of a handshake nobody can say anything.
    if ('setSecureContext' in this.#server && !isTls(socket)) return false;
    if (!isHttp(this.#server)) return true;
    return !this.#http2.speaks(socket) && 'parser' in socket && !socket.parser;
  }

  /** Also to one that was upgraded, or accepted, when listening was about to stop. */
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

  /**
   * Closes those that have been idle for long enough, and notes those that have become so; `end` is what they will have
   * ended as.
   */
  #closeIdle(end: 'idle' | 'finished'): void {
    const now = performance.now();
    for (const socket of this.#findIdle()) {
      const { bytesRead } = socket;
      const idle = this.#idle.get(socket);
      if (idle?.bytesRead !== bytesRead) this.#idle.set(socket, { bytesRead, since: now, end });
      else if (!this.#listens && now - idle.since >= SETTLE) this.#close(socket, idle.end);
    }
  }

  #findIdle(): Socket[] {
    try {
      return findIdle(this.#server, this.#hub.sockets);
    } catch (error) {
      callbackWarning('server.closeIdleConnections', 'closeServer', error);
      return [];
    }
  }

  #close(socket: Socket, end: 'idle' | 'finished'): void {
    this.#ends.set(bareSocketOf(socket) ?? socket, end);
    this.#hub.close(socket);
  }

  /** Those that wait for nothing but the end of their peer: that is a linger, and has its limits. */
  #sweep(): void {
    this.#sayGoodbyes();
    for (const socket of this.#hub.sockets)
      if (socket.writableFinished && !socket.destroyed && !isClosing(socket)) this.#close(socket, 'finished');
  }

  #cutRest(): void {
    if (!this.#aborted)
      for (const socket of this.#findIdle()) this.#close(socket, this.#idle.get(socket)?.end ?? 'finished');
    for (const bare of this.#hub.open) {
      const socket = topOf(bare);
      // On its way to its end already, and a linger like others.
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

  /** A blocked event loop runs timers before it looks at sockets. */
  #afterPoll(run: () => void): void {
    setImmediate(() => {
      if (this.#hub.observer === this) run();
    });
  }

  #every(ms: number, run: () => void): void {
    const timer = setInterval(() => this.#afterPoll(run), ms).unref();
    this.#stopListening.push(() => clearInterval(timer));
  }

  #once(ms: number, run: () => void): void {
    const timer = setTimeout(() => this.#afterPoll(run), ms).unref();
    this.#stopListening.push(() => clearTimeout(timer));
  }

  #end(): ServerCloseReport {
    this.#hub.observer = undefined;
    this.#hub.liftLimit(false);
    for (const stop of this.#stopListening) stop();
    this.#responses.stop();
    this.#http2.stop();
    const outcomes = { ...this.#hub.outcomes };
    for (const outcome of Object.keys(outcomes) as Outcome[]) outcomes[outcome] -= this.#outcomesBefore[outcome];
    this.#lent?.();
    return {
      ...this.#figures,
      outcomes,
      duration: performance.now() - this.#startedAt,
      aborted: this.#aborted,
    };
  }
}

/** Accepted, and nothing has come of it: not a byte of a request, or of a handshake that Node could end. */
function isSilent(bare: Socket): boolean {
  const socket = topOf(bare);
  return socket.bytesRead === 0 && !isClosing(socket) && pendingBytesOf(bare) === 0;
}
