// The shutdown of a process: what begins it, its stages, and its end.

import { setMaxListeners } from 'node:events';
import type { Server } from 'node:net';
import { timerAfterPoll } from '../core/after-poll.ts';
import { builtin } from '../core/builtin.ts';
import { callbackWarning } from '../core/callback-warning.ts';
import { onAbort } from '../core/on-abort.ts';
import { clearTimeout, MAX_DELAY, now, setTimeout } from '../core/time.ts';
import { listeningServers, onListen } from '../server/known-servers.ts';
import { hubOf, ServerHub } from '../server/server-hub.ts';
import { otherCopyOfServer } from '../socket/copies.ts';
import type { CheckedCloseOnSignalOptions, ShutdownReason } from './close-on-signal-options.ts';
import { closeAll } from './close-servers.ts';
import { closeWorkers } from './cluster-workers.ts';
import { endBySignal } from './end-by-signal.ts';
import { onOwnSignal } from './own-signals.ts';
import { onParentMessage } from './parent-message.ts';
import { type MethodCalls, ServerMethods } from './server-methods.ts';
import type { Times } from './server-shutdown.ts';

/** Milliseconds that the resets of a second signal may take. */
const ABORT_TIME = 100;

const NO_CALLS: MethodCalls = { onListen() {}, onClose() {} };

export class SignalShutdown {
  readonly #options: CheckedCloseOnSignalOptions;
  readonly #closing = new AbortController();
  readonly #abort = new AbortController();
  readonly #stopListening: (() => void)[] = [];
  /** Whether the shutdown has begun, and whether a signal has come for it. */
  #state: 'waiting' | 'told' | 'signalled' = 'waiting';
  #deadlineAt = Infinity;
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
      process.prependListener(signal, this.#onSignal);
      this.#stopListening.push(() => process.removeListener(signal, this.#onSignal));
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

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const second = this.#state === 'signalled';
    if (second) void this.#endAtOnce(signal);
    else this.#begin(signal);
    // The process group of a cluster gets a signal, and the primary tells its workers besides: that is one signal.
    this.#state = 'signalled';
  };

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
    timerAfterPoll(deadline, () => this.#onDeadline(), false);
    if (closing.signal?.aborted) this.#abort.abort();
    else if (closing.signal) this.#stopListening.push(onAbort(closing.signal, () => this.#abort.abort()));
    void this.#run(reason);
  }

  async #run(reason: ShutdownReason): Promise<void> {
    const { before, after, onReport, deadline, closing } = this.#options;
    const forAfter = after ? deadline / 5 : 0;
    const wanted = closing.drainDelay + closing.timeout + closing.lingerTimeout;
    this.#closing.abort();
    const ms = Math.max(deadline - forAfter - wanted, deadline / 2 - forAfter);
    const times = () => shorten(closing, this.#deadlineAt - forAfter - now());
    let go = () => {};
    const over = new Promise<void>((resolve) => {
      go = resolve;
    });
    // The servers are taken over first: the hook may close them, and so may a framework that listens to the signal too.
    const closed = closeAll({ ...closing, signal: this.#abort.signal }, { over, times });
    await this.#hook('before', () => before?.(reason), ms);
    const workers = closeWorkers(this.#deadlineAt - forAfter - now());
    go();
    const report = await closed;
    if (report.cut > 0) this.#failed = true;
    try {
      onReport?.(report);
    } catch (error) {
      callbackWarning('onReport', 'closeOnSignal', error);
    }
    if (!(await workers)) this.#failed = true;
    // A framework that closes its server behind this shutdown does not fail.
    const methods = report.servers.map(({ server }) => new ServerMethods(server, NO_CALLS, true));
    await this.#hook('after', () => after?.(report), this.#deadlineAt - now());
    for (const method of methods) method.giveBack();
    this.#finish();
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
    this.stop();
    if (!this.#options.exit) {
      this.#leaveOwnSignals();
      if (this.#ownSignal) process.kill(process.pid, this.#ownSignal);
      return;
    }
    if (this.#failed) process.exitCode = 1;
    if (this.#ownSignal) process.exit();
    // The channel to a parent process would keep the process alive.
    const { worker } = builtin('node:cluster');
    if (worker?.isConnected()) worker.disconnect();
    else if (process.connected) process.disconnect();
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
    this.stop();
    this.#leaveOwnSignals();
    this.#abort.abort();
    const { closing } = this.#options;
    const reset = closeAll({ ...closing, drainDelay: 0, signal: this.#abort.signal });
    await Promise.race([reset, new Promise<void>((resolve) => setTimeout(resolve, ABORT_TIME))]);
    endBySignal(signal);
  }
}

/** The times of the servers, made shorter where they do not fit into `ms`: the drain first, the lingers last. */
function shorten(options: Times, ms: number): Times {
  const left = Math.max(ms, 0);
  const lingerTimeout = Math.min(options.lingerTimeout, left / 5);
  const timeout = Math.min(options.timeout, left - lingerTimeout);
  const drainDelay = Math.min(options.drainDelay, left - lingerTimeout - timeout);
  return { drainDelay, timeout, lingerTimeout };
}

function watchSessions(server: Server): void {
  if ('updateSettings' in server && !otherCopyOfServer(server))
    (hubOf(server) ?? new ServerHub(server)).watchSessions();
}
