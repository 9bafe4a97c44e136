// The shutdown of a process: what begins it, its stages, and its end.

import type { Worker } from 'node:cluster';
import { setMaxListeners } from 'node:events';
import type { Server } from 'node:net';
import { timerAfterPoll } from '../core/after-poll.ts';
import { builtin } from '../core/builtin.ts';
import { callbackWarning, callOrWarn } from '../core/callback-warning.ts';
import { onAbort } from '../core/on-abort.ts';
import { clearTimeout, MAX_DELAY, now, setTimeout } from '../core/time.ts';
import { listeningServers, onListen, onListening } from '../server/known-servers.ts';
import { hubOf, ServerHub } from '../server/server-hub.ts';
import { otherCopyOfServer } from '../socket/copies.ts';
import type { CheckedCloseOnSignalOptions, ShutdownReason } from './close-on-signal-options.ts';
import { closeAll, closeOne, reportOf } from './close-servers.ts';
import { closeWorkers, workersOf } from './cluster-workers.ts';
import { endBySignal } from './end-by-signal.ts';
import { onOwnSignal } from './own-signals.ts';
import { onParentMessage } from './parent-message.ts';
import { type MethodCalls, ServerMethods } from './server-methods.ts';
import type { Hold } from './server-shutdown.ts';
import type { ClosedServer, ServersCloseReport } from './servers-close-report.ts';
import { shortenTimes } from './shorten-times.ts';

/** Milliseconds that the resets of a second signal may take. */
const ABORT_TIME = 100;

const NO_CALLS: MethodCalls = { onListen() {}, onClose() {}, over: async () => {} };

export class SignalShutdown {
  readonly #options: CheckedCloseOnSignalOptions;
  readonly #closing = new AbortController();
  readonly #abort = new AbortController();
  readonly #stopListening: (() => void)[] = [];
  /** What a shutdown that has begun listens to. */
  readonly #stopWatching: (() => void)[] = [];
  /** Closes of servers that began to listen since the shutdown has. */
  readonly #late = new Map<Server, Promise<ClosedServer>>();
  /** Those of a cluster primary when they were told. */
  #workers = new Set<Worker>();
  /** Whether the shutdown has begun, and whether a signal has come for it. */
  #state: 'waiting' | 'told' | 'signalled' = 'waiting';
  #deadlineAt = Infinity;
  /** Whether the servers are closed that there were at the signal, those of `last` too. */
  #closed = false;
  #failed = false;
  #done = false;
  /** What a framework has sent to the process: it is done, and wants the process to end. */
  #ownSignal: NodeJS.Signals | undefined;
  #leaveOwnSignals = () => {};

  constructor(options: CheckedCloseOnSignalOptions) {
    this.#options = options;
    // As many pollers as there are may listen.
    setMaxListeners(0, this.#closing.signal);
    for (const signal of options.signals) {
      // In front of a framework's listener, which may close its server at once.
      // It may emit the event itself, without an argument.
      const listener = () => this.#onSignal(signal);
      process.prependListener(signal, listener);
      this.#stopListening.push(() => process.removeListener(signal, listener));
    }
    this.#stopListening.push(onParentMessage('shutdown', () => this.#begin('shutdown')));
    this.#watchPrimary();
    const { servers, also, last } = options.closing;
    for (const server of [...(servers ?? listeningServers()), ...also, ...last]) watchSessions(server);
    this.#stopListening.push(onListen(watchSessions));
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Stops listening. A shutdown that has begun goes on. */
  stop(): void {
    for (const stop of this.#stopListening.splice(0)) stop();
  }

  #stopAll(): void {
    this.stop();
    for (const stop of this.#stopWatching.splice(0)) stop();
    this.#leaveOwnSignals();
  }

  #onSignal(signal: NodeJS.Signals): void {
    const second = this.#state === 'signalled';
    if (second) void this.#endAtOnce(signal);
    else this.#begin(signal);
    // The process group of a cluster gets a signal, and the primary tells its workers besides: that is one signal.
    this.#state = 'signalled';
  }

  #onOwnSignal(signal: NodeJS.Signals): boolean {
    if (!this.#options.signals.includes(signal)) return false;
    this.#ownSignal = signal;
    // Without an argument: the exit code is set already.
    if (this.#done) process.exit();
    return true;
  }

  /** Node ends a worker at once when its primary has died, and with the worker its requests in flight. */
  #watchPrimary(): void {
    const { worker } = builtin('node:cluster');
    if (!worker) return;
    const onDisconnect = () => {
      if (worker.exitedAfterDisconnect) return;
      worker.exitedAfterDisconnect = true;
      this.#begin('disconnect');
    };
    worker.prependListener('disconnect', onDisconnect);
    this.#stopListening.push(() => worker.removeListener('disconnect', onDisconnect));
  }

  #begin(reason: ShutdownReason): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'told';
    const { deadline, closing } = this.#options;
    this.#deadlineAt = now() + deadline;
    this.#leaveOwnSignals = onOwnSignal((signal) => this.#onOwnSignal(signal));
    if (deadline < Infinity) timerAfterPoll(deadline, () => this.#onDeadline(), false);
    if (closing.signal?.aborted) this.#abort.abort();
    else if (closing.signal) this.#stopWatching.push(onAbort(closing.signal, () => this.#abort.abort()));
    void this.#run(reason);
  }

  async #run(reason: ShutdownReason): Promise<void> {
    const { before, after, onReport, deadline, closing } = this.#options;
    const forAfter = after && deadline < Infinity ? deadline / 5 : 0;
    const wanted = closing.drainDelay + closing.timeout + closing.lingerTimeout;
    this.#closing.abort();
    const ms = deadline < Infinity ? Math.max(deadline - forAfter - wanted, deadline / 2 - forAfter) : Infinity;
    const times = () => shortenTimes(closing, this.#deadlineAt - forAfter - now());
    let go = () => {};
    const over = new Promise<void>((resolve) => {
      go = resolve;
    });
    // The servers are taken over first: the hook may close them, and so may a framework that listens to the signal too.
    const hold = { over, times };
    const closed = closeAll({ ...closing, signal: this.#abort.signal }, hold);
    this.#watchLateServers(hold);
    await this.#hook('before', () => before?.(reason), ms);
    this.#workers = new Set(workersOf());
    const workers = closeWorkers(this.#deadlineAt - forAfter - now());
    go();
    const inTime = await closed;
    this.#closed = true;
    const report = await this.#withLateServers(inTime);
    if (report.cut > 0) this.#failed = true;
    callOrWarn('onReport', 'closeOnSignal', () => onReport?.(report));
    if (!(await workers)) this.#failed = true;
    // A framework that closes its server behind this shutdown does not fail. One that listens again is not closed.
    const methods = report.servers
      .filter(({ server }) => !server.listening)
      .map(({ server }) => new ServerMethods(server, NO_CALLS, true));
    await this.#hook('after', () => after?.(report), this.#deadlineAt - now());
    for (const method of methods) method.giveBack();
    this.#finish();
  }

  /**
   * An application that is still starting when it is told to end begins to listen later, and nothing else would close
   * these servers. A process that goes on keeps those that it opens.
   */
  #watchLateServers(hold: Hold): void {
    const { exit, closing } = this.#options;
    if (!exit) return;
    const named = closing.servers && new Set([...closing.servers, ...closing.also]);
    const watch = (server: Server) => {
      if (named && !named.has(server)) return;
      // Those of `last` wait for their turn.
      if (!this.#closed && closing.last.includes(server)) return;
      const closed = this.#closeLate(server, hold);
      this.#late.set(server, closed);
      // It may begin to listen behind the report.
      void closed.then(({ cut }) => {
        if (cut > 0) this.#failed = true;
        if (this.#done) this.#setExitCode(this.#failed);
      });
    };
    this.#stopWatching.push(onListening(watch));
  }

  #closeLate(server: Server, hold: Hold): Promise<ClosedServer> {
    // Another copy of the package, which may serve it, gets the options of closeServer alone.
    const { servers, also, last, ...each } = this.#options.closing;
    return closeOne(server, { ...each, signal: this.#abort.signal }, hold);
  }

  async #withLateServers(report: ServersCloseReport): Promise<ServersCloseReport> {
    const startedAt = now();
    const servers = new Map(report.servers.map((closed) => [closed.server, closed]));
    for (const [server, closed] of this.#late) servers.set(server, await closed);
    return this.#late.size > 0 ? reportOf([...servers.values()], report.duration + now() - startedAt) : report;
  }

  /** Calls a hook, and waits for it no longer than `ms`. */
  async #hook(name: string, call: () => unknown, ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const limit = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), Math.min(Math.max(ms, 0), MAX_DELAY));
    });
    try {
      const end = await Promise.race([(async () => void (await call()))(), limit]);
      if (end === 'late') throw new Error('it takes too long');
    } catch (error) {
      this.#failed = true;
      callbackWarning(name, 'closeOnSignal', error);
    } finally {
      clearTimeout(timer);
    }
  }

  #finish(): void {
    this.#done = true;
    if (!this.#options.exit) {
      this.#stopAll();
      if (this.#ownSignal) process.kill(process.pid, this.#ownSignal);
      return;
    }
    // What keeps the process alive until the deadline may still be ended by another signal.
    this.#setExitCode(this.#failed);
    const workers = workersOf();
    // Those that have come since are not waited for: in their places more would come. Without the signal they would
    // find their primary gone in the middle of their start, and say so.
    for (const worker of workers) if (!this.#workers.has(worker)) worker.process.kill();
    if (this.#ownSignal || workers.length > 0) process.exit();
    // The channel to a parent process would keep the process alive. What the application still sends by it arrives.
    const { worker } = builtin('node:cluster');
    if (worker?.isConnected()) worker.disconnect();
    else letEnd();
  }

  #setExitCode(failed: boolean): void {
    if (failed) process.exitCode = 1;
  }

  #onDeadline(): void {
    if (!this.#options.exit) {
      this.#abort.abort();
      return;
    }
    if (!this.#done) process.exitCode = 1;
    // Without an argument: with undefined, the exit code would be 0.
    process.exit();
  }

  async #endAtOnce(signal: NodeJS.Signals): Promise<void> {
    this.#stopAll();
    this.#abort.abort();
    const { closing } = this.#options;
    const reset = closeAll({ ...closing, drainDelay: 0, signal: this.#abort.signal });
    await Promise.race([reset, new Promise<void>((resolve) => setTimeout(resolve, ABORT_TIME))]);
    endBySignal(signal);
  }
}

/** From here on the channel to a parent process does not keep the process alive, whoever listens to it. */
function letEnd(): void {
  const { channel } = process;
  if (!process.connected) return;
  if (typeof channel?.unref === 'function') channel.unref();
  else process.disconnect();
}

function watchSessions(server: Server): void {
  if ('updateSettings' in server && !otherCopyOfServer(server))
    (hubOf(server) ?? new ServerHub(server)).watchSessions();
}
