// A close under way: flush, FIN, hand over to the discard loop, report.
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import type { CheckedOptions } from './close-options.ts';
import { findDescriptor } from './descriptor.ts';
import { destroyNow } from './destroy.ts';
import { discardByStream } from './discard-stream.ts';
import { isConnectionReset, SocketError } from './errors.ts';
import { flush } from './flush.ts';
import { dropGuard, switchLingerOff } from './linger.ts';
import {
  endLinger,
  engine,
  isOver,
  type LingerEnd,
  type LingerLimits,
  type LingerOwner,
  type Outcome,
  startLinger,
} from './linger-loop.ts';
import { onAbort } from './on-abort.ts';
import { readUnacked, resetOnClose, resetSocket } from './reset.ts';

/** How a close ended. */
export interface CloseReport {
  /**
   * - `'eof'`: the peer has closed its side, after all that we wrote was acknowledged
   * - `'delivered'`: everything is acknowledged (`until: 'delivered'`)
   * - `'drained'`: what had arrived was discarded (`mode: 'drain'`)
   * - `'reset'`: by us, as asked for
   * - `'peer-reset'`: by the peer
   * - `'idle'`, `'timeout'`, `'max-bytes'`: a limit was reached
   * - `'evicted'`: closed to make room for another linger; `safeClose` alone never does that
   * - `'aborted'`: by the AbortSignal
   * - `'closed'`: there was nothing to close, or somebody else destroyed the socket
   * - `'error'`: see `error`
   */
  outcome: Outcome;
  /**
   * Whether the peer's TCP acknowledged everything that we wrote, and our FIN. `null` where it cannot be known (streams
   * engine; a RST right behind our FIN; a socket that was gone before the call).
   */
  delivered: boolean | null;
  /** Bytes of the peer that were thrown away, from the call to the end. */
  discardedBytes: number;
  /** Bytes in the kernel that were not acknowledged at the end, FIN included; `null` where it cannot be known (streams engine; a socket that was gone). */
  unackedBytes: number | null;
  /** Milliseconds from the call to the end. */
  duration: number;
  /** What the kernel or the socket said, if that ended the close or changed its way (`EMFILE`: streams engine instead of native). */
  error?: SocketError;
  /** Which engine closed this one: `'streams'` also beside the addon, for TLS over a stream or after `EMFILE`. */
  engine: 'native' | 'streams';
}

/** One close under way: its stages, one after the other, and its report. */
export class Closing implements LingerOwner {
  readonly promise: Promise<CloseReport>;
  readonly #startedAt = performance.now();
  #resolve!: (report: CloseReport) => void;
  /** Ends a stage that holds the socket. Empty once the addon has taken over: nothing of ours retains the socket then. */
  #cutStage: ((outcome: 'reset' | 'aborted') => void) | undefined;
  #lingerId = -1;
  #over = false;
  #discardedBefore = 0;
  #stopListening: (() => void) | undefined;
  readonly #onEnd: (() => void) | undefined;

  /** `onEnd`: called in the tick in which the connection is closed, before the promise settles. */
  constructor(onEnd?: () => void) {
    this.#onEnd = onEnd;
    this.promise = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(socket: Socket, options: CheckedOptions): void {
    const { mode, signal, ref } = options;
    dropGuard(socket);
    if (socket.destroyed || socket.connecting || socket.pending) {
      socket.destroy();
      this.#report({ outcome: 'closed' });
    } else if (signal?.aborted || mode === 'reset') {
      this.#reset(socket, signal?.aborted ? 'aborted' : 'reset');
    } else {
      this.#listenForAbort(signal);
      if (ref) socket.ref();
      else socket.unref();
      if (socket.writableFinished) this.#discard(socket, lingerLimits(options));
      else this.#flush(socket, options);
    }
  }

  /** A descriptor that {@link claimDescriptor} has claimed for us. */
  startRaw(fd: number, options: CheckedOptions): void {
    const { mode, signal } = options;
    if (signal?.aborted || mode === 'reset') {
      const unackedBytes = readUnacked(fd);
      resetOnClose(fd);
      closeSync(fd);
      this.#report({ outcome: signal?.aborted ? 'aborted' : 'reset', delivered: false, unackedBytes });
      return;
    }
    this.#lingerId = startLinger(fd, true, lingerLimits(options), this);
    if (this.#lingerId >= 0) {
      this.#listenForAbort(signal);
    } else {
      closeSync(fd);
      this.#report({ outcome: 'error', delivered: false, error: lingerError(this.#lingerId) });
    }
  }

  /** True until the socket is given up: handed over to the addon, or closed. */
  get holdsSocket(): boolean {
    return !this.#over && this.#lingerId < 0;
  }

  /** Ends it by an error of the application's own. */
  fail(socket: Socket, cause: Error): void {
    switchLingerOff(socket);
    destroyNow(socket);
    this.#report({ outcome: 'error', error: SocketError.from(cause) });
  }

  /** Does nothing once the close has ended. */
  cut(outcome: 'reset' | 'aborted'): void {
    if (this.#cutStage) this.#cutStage(outcome);
    else endLinger(this.#lingerId, outcome);
  }

  lingerEnded({ outcome, errno, delivered, discardedBytes, unackedBytes }: LingerEnd): void {
    const error = outcome === 'error' ? new SocketError('recv', errno) : undefined;
    this.#report({ outcome, delivered, discardedBytes: this.#discardedBefore + discardedBytes, unackedBytes, error });
  }

  #flush(socket: Socket, options: CheckedOptions): void {
    const readBefore = socket.bytesRead;
    const stop = flush(socket, options, {
      flushed: () => {
        this.#discardedBefore = socket.bytesRead - readBefore;
        const maxBytes = options.maxBytes - this.#discardedBefore;
        if (maxBytes >= 0) this.#discard(socket, { ...lingerLimits(options), maxBytes });
        else this.#giveUp(socket, 'max-bytes', true);
      },
      stalled: (outcome) => {
        this.#discardedBefore = socket.bytesRead - readBefore;
        this.#giveUp(socket, outcome, false);
      },
      closed: (cause) => {
        const outcome = isConnectionReset(cause) ? 'peer-reset' : cause ? 'error' : 'closed';
        const error = outcome === 'error' && cause ? SocketError.from(cause) : undefined;
        this.#report({ outcome, delivered: false, discardedBytes: socket.bytesRead - readBefore, error });
      },
    });
    this.#cutStage = (outcome) => {
      stop();
      this.#discardedBefore = socket.bytesRead - readBefore;
      this.#reset(socket, outcome);
    };
  }

  #giveUp(socket: Socket, outcome: Outcome, finSent: boolean): void {
    const unackedBytes = readUnacked(findDescriptor(socket));
    const delivered = finSent && (unackedBytes === null ? null : unackedBytes === 0);
    switchLingerOff(socket);
    destroyNow(socket);
    this.#report({ outcome, delivered, discardedBytes: this.#discardedBefore, unackedBytes });
  }

  #discard(socket: Socket, limits: LingerLimits): void {
    this.#cutStage = undefined;
    const fd = engine === 'native' ? findDescriptor(socket) : -1;
    if (fd >= 0 && limits.until === 'eof' && isOver(fd)) {
      // As behind a proxy nearby: no duplicate and no turn of the discard loop for it.
      destroyNow(socket);
      this.#report({ outcome: 'eof', delivered: true, discardedBytes: this.#discardedBefore, unackedBytes: 0 });
      return;
    }
    this.#lingerId = fd < 0 ? -1 : startLinger(fd, false, limits, this);
    if (this.#lingerId >= 0) destroyNow(socket);
    else this.#discardByStream(socket, limits, fd < 0 ? undefined : lingerError(this.#lingerId));
  }

  /** `reason`: why the addon could not. */
  #discardByStream(socket: Socket, limits: LingerLimits, reason: SocketError | undefined): void {
    const stop = discardByStream(socket, limits, ({ outcome, discardedBytes, error }) => {
      this.#report({
        outcome,
        engine: 'streams',
        discardedBytes: this.#discardedBefore + discardedBytes,
        error: outcome === 'error' && error ? SocketError.from(error) : reason,
      });
    });
    this.#cutStage = (outcome) => {
      this.#discardedBefore += stop();
      this.#reset(socket, outcome, true, reason);
    };
  }

  /** `finSent`: then it may be acknowledged, and nobody has looked. */
  #reset(socket: Socket, outcome: 'reset' | 'aborted', finSent = false, error?: SocketError): void {
    const native = engine === 'native' && !finSent && findDescriptor(socket) >= 0;
    const unackedBytes = readUnacked(findDescriptor(socket));
    resetSocket(socket);
    this.#report({
      outcome,
      delivered: native ? socket.writableFinished && unackedBytes === 0 : null,
      discardedBytes: this.#discardedBefore,
      unackedBytes,
      error,
      engine: native ? 'native' : 'streams',
    });
  }

  #listenForAbort(signal: AbortSignal | undefined): void {
    if (signal) this.#stopListening = onAbort(signal, () => this.cut('aborted'));
  }

  #report(end: Partial<Omit<CloseReport, 'error'>> & { outcome: Outcome; error?: SocketError | undefined }): void {
    if (this.#over) return;
    this.#over = true;
    this.#cutStage = undefined;
    this.#lingerId = -1;
    const { outcome, delivered = null, discardedBytes = 0, unackedBytes = null, error } = end;
    const duration = performance.now() - this.#startedAt;
    const report: CloseReport = { outcome, delivered, discardedBytes, unackedBytes, duration, engine: end.engine ?? engine };
    if (error) report.error = error;
    this.#resolve(report);
    this.#onEnd?.();
    this.#stopListening?.();
  }
}

function lingerLimits({ mode, until, idleTimeout, timeout, maxBytes, ref }: CheckedOptions): LingerLimits {
  return { until: mode === 'drain' ? 'drained' : until, idleTimeout, timeout, maxBytes, ref };
}

function lingerError(errno: number): SocketError {
  // The duplicate is the only thing of a linger that counts against the limit of descriptors.
  return new SocketError(errno === -constants.errno.EMFILE ? 'fcntl' : 'epoll_ctl', errno);
}
