// A close under way: flush, FIN, hand over to the discard loop, report.

import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { isConnectionReset } from '../core/error-kinds.ts';
import { SocketError } from '../core/errors.ts';
import { onAbort } from '../core/on-abort.ts';
import { throwLater } from '../core/throw-later.ts';
import { now } from '../core/time.ts';
import type { LingerEnd, LingerLimits, LingerListener, Outcome } from '../engine/linger-loop.ts';
import { BROKEN, endLinger, engine, isOver, startLinger } from '../engine/linger-loop.ts';
import { discardByRequest, unreadRequestOf } from '../engine/request-discard.ts';
import { discardByStream, type StreamEnd } from '../engine/stream-discard.ts';
import { findDescriptor, isAccepted, writeQueueSize } from '../socket/descriptor.ts';
import { hasLostOutput, holdsOutputAbove } from '../socket/lost-output.ts';
import type { SocketClose } from '../socket/ownership.ts';
import { destroyNow, hold, letGo, setClose } from '../socket/ownership.ts';
import { readUnacked } from '../socket/queues.ts';
import { obeyDestroy, resetOnClose, resetSocket, switchLingerOff } from '../socket/reset.ts';
import type { CloseEnd } from './channels.ts';
import { hasListeners, publishEnd, publishStart } from './channels.ts';
import type { CloseReport } from './close-report.ts';
import { type FlushEvents, flush } from './flush.ts';
import { dropGuard } from './linger-guard.ts';
import type { CheckedOptions } from './safe-close-options.ts';

/** Why a close is ended from our side before its time. */
type Cut = 'reset' | 'aborted' | 'evicted' | 'timeout';

function isPlain(outcome: Cut): outcome is 'evicted' | 'timeout' {
  return outcome === 'evicted' || outcome === 'timeout';
}

/** The close of one connection: its stages, one after the other, and its report. */
export class ConnectionClose implements LingerListener, SocketClose {
  /** Milliseconds of core/time.ts. */
  readonly startedAt = now();
  readonly key: number;
  /** In the set of closes to which this one belongs: see {@link HeaviestFirst}. */
  older: ConnectionClose | null | undefined;
  newer: ConnectionClose | null | undefined;
  #promise: Promise<CloseReport> | undefined;
  #resolve: ((report: CloseReport) => void) | undefined;
  /**
   * Ends a stage that holds the socket. Undefined once the addon has the connection: from then on nothing of the
   * package keeps the socket in memory.
   */
  #cutStage: ((outcome: Cut) => void) | undefined;
  #lingerId = -1;
  #ended: CloseReport | undefined;
  #discardedBefore = 0;
  /** Output may be thrown away that the connection has never seen: then nothing is certainly delivered. */
  #mayLoseOutput = false;
  #stopListening: (() => void) | undefined;
  #announced: Omit<CloseEnd, 'report'> | undefined;
  readonly #onEnd: ((closing: ConnectionClose, report: CloseReport) => void) | undefined;

  /**
   * @param onEnd called in the tick in which the connection is closed, before the promise settles
   * @param key of the peer: see {@link addressKey}
   */
  constructor(onEnd?: (closing: ConnectionClose, report: CloseReport) => void, key = 0) {
    this.#onEnd = onEnd;
    this.key = key;
  }

  /**
   * Created on first read: no one awaits the closes that a server starts, and a promise would add almost 50 % to the
   * memory of each.
   */
  get promise(): Promise<CloseReport> {
    this.#promise ??= this.#ended
      ? Promise.resolve(this.#ended)
      : new Promise((resolve) => {
          this.#resolve = resolve;
        });
    return this.#promise;
  }

  start(socket: Socket, options: CheckedOptions): void {
    if (this.#announce(socket)) this.#begin(socket, options);
  }

  /** @returns whether the close goes on: a subscriber may have ended it */
  #announce(socket: Socket): boolean {
    setClose(socket, this);
    dropGuard(socket);
    if (!hasListeners()) return true;
    // A subscriber that destroys the socket is obeyed. Its server would begin another close, and publish that.
    hold(socket, (error) => obeyDestroy(socket, error));
    const asked = this.#catchCut(() => {
      this.#announced = publishStart(socket);
    });
    letGo(socket);
    if (socket.destroyed) this.#report({ outcome: 'closed' });
    else if (asked) this.#obey(socket, asked);
    return !this.#ended;
  }

  /**
   * Runs what may call listeners of the application.
   * @returns how one of them asks the close to end: that comes too soon, and is not done yet
   */
  #catchCut(run: () => void): Cut | undefined {
    let asked: Cut | undefined;
    this.#cutStage = (outcome) => {
      asked ??= outcome;
    };
    run();
    this.#cutStage = undefined;
    return asked;
  }

  #begin(socket: Socket, options: CheckedOptions): void {
    const { mode, signal, ref } = options;
    if (socket.destroyed || socket.connecting || socket.pending) {
      destroyNow(socket);
      this.#report({ outcome: 'closed' });
    } else if (signal?.aborted || mode === 'reset') {
      this.#reset(socket, signal?.aborted ? 'aborted' : 'reset');
    } else {
      this.#mayLoseOutput = hasLostOutput(socket) || holdsOutputAbove(socket);
      this.#listenForAbort(signal);
      if (ref === false) socket.unref();
      else socket.ref();
      if (socket.writableFinished) this.#discard(socket, lingerLimits(options));
      else this.#flush(socket, options);
    }
  }

  /**
   * Starts in place of a `destroy(error)`: nothing is flushed, and the events of the socket are those of the destroy.
   * FIN goes out here, if it has not yet. Where the addon cannot take the connection (EMFILE), the streams engine
   * lingers, unless there is TLS over the connection.
   *
   * @param top the TLSSocket over the connection, or the socket itself
   */
  startDestroying(socket: Socket, options: CheckedOptions, error: Error | undefined, top: Socket): void {
    const { mode, signal } = options;
    if (!this.#announce(socket)) return;
    if (signal?.aborted || mode === 'reset') {
      this.#reset(socket, signal?.aborted ? 'aborted' : 'reset');
      return;
    }
    const underTls = top !== socket;
    // A TLSSocket that the application has put over the connection (STARTTLS) writes past the stream, to the handle.
    const held = top.writableLength > 0 || writeQueueSize(socket) > 0;
    this.#mayLoseOutput = held || hasLostOutput(top) || holdsOutputAbove(top);
    const fd = findDescriptor(socket);
    const limits = lingerLimits(options);
    if (socket.writableFinished && !underTls && limits.until === 'eof' && isOver(fd, isAccepted(socket))) {
      this.#endAtOnce(socket, error);
      return;
    }
    this.#lingerId = startLinger(fd, false, isAccepted(socket), limits, this);
    if (this.#lingerId === BROKEN) {
      this.#endBroken(socket, error);
    } else if (this.#lingerId >= 0) {
      this.#listenForAbort(signal);
      destroyNow(socket, error);
    } else if (!underTls) {
      this.#begin(socket, options);
    } else {
      destroyNow(socket, error);
      this.#report({ outcome: 'error', error: lingerError(this.#lingerId) });
    }
  }

  /** Closes a descriptor that {@link claimDescriptor} has claimed. */
  startRaw(fd: number, options: CheckedOptions): void {
    const { mode, signal } = options;
    if (signal?.aborted || mode === 'reset') {
      const unackedBytes = readUnacked(fd);
      resetOnClose(fd);
      closeSync(fd);
      this.#report({ outcome: signal?.aborted ? 'aborted' : 'reset', delivered: false, unackedBytes });
      return;
    }
    this.#lingerId = startLinger(fd, true, false, lingerLimits(options), this);
    if (this.#lingerId >= 0) {
      this.#listenForAbort(signal);
    } else if (this.#lingerId === BROKEN) {
      const unackedBytes = readUnacked(fd);
      closeSync(fd);
      this.#report({ outcome: 'peer-reset', delivered: false, unackedBytes });
    } else {
      closeSync(fd);
      this.#report({ outcome: 'error', delivered: false, error: lingerError(this.#lingerId) });
    }
  }

  /** True until the socket is handed over to the addon, or closed. */
  get holdsSocket(): boolean {
    return !this.#ended && this.#lingerId < 0;
  }

  /** Ends the close because code of the application has thrown. */
  fail(socket: Socket, cause: Error): void {
    try {
      switchLingerOff(socket);
      destroyNow(socket);
    } catch {
      // The application's code has thrown again. The first error is `cause`.
    }
    this.#fail(cause);
  }

  /** Ends the close of a raw descriptor, for the same reason. The addon has the descriptor, or it is still open. */
  failRaw(fd: number, cause: Error): void {
    if (this.#lingerId < 0) closeSync(fd);
    this.#fail(cause);
  }

  #fail(cause: Error): void {
    const lingerId = this.#lingerId;
    this.#report({ outcome: 'error', error: SocketError.from(cause) });
    endLinger(lingerId, 'error');
  }

  /** Gives up on a peer that does not take the pending output. */
  giveUpFlush(socket: Socket): void {
    if (this.#announce(socket)) this.#giveUp(socket, 'timeout', false);
  }

  /** Ends the close now: by RST, or by a plain close for 'evicted' and 'timeout'. Does nothing after the end. */
  cut(outcome: Cut): void {
    if (this.#cutStage) this.#cutStage(outcome);
    else endLinger(this.#lingerId, outcome);
  }

  lingerEnded({ outcome, errno, delivered, discardedBytes, unackedBytes }: LingerEnd): void {
    const error = outcome === 'error' ? new SocketError('recv', errno) : undefined;
    this.#report({ outcome, delivered, discardedBytes: this.#discardedBefore + discardedBytes, unackedBytes, error });
  }

  #flush(socket: Socket, options: CheckedOptions): void {
    const readBefore = socket.bytesRead;
    // TLS over a stream has no descriptor, before FIN as behind it.
    const by = findDescriptor(socket) < 0 ? 'streams' : engine;
    let stop = () => {};
    const events: FlushEvents = {
      flushed: () => {
        this.#discardedBefore = socket.bytesRead - readBefore;
        const maxBytes = options.maxBytes - this.#discardedBefore;
        if (maxBytes >= 0) this.#discard(socket, { ...lingerLimits(options), maxBytes });
        else this.#giveUp(socket, 'max-bytes', true, by);
      },
      stalled: (outcome) => {
        this.#discardedBefore = socket.bytesRead - readBefore;
        this.#giveUp(socket, outcome, false, by);
      },
      closed: (cause) => {
        const outcome = isConnectionReset(cause) ? 'peer-reset' : cause ? 'error' : 'closed';
        const error = outcome === 'error' && cause ? SocketError.from(cause) : undefined;
        const discardedBytes = socket.bytesRead - readBefore;
        this.#report({ outcome, delivered: false, discardedBytes, error, engine: by });
      },
    };
    const asked = this.#catchCut(() => {
      stop = flush(socket, options, events);
    });
    this.#cutStage = (outcome) => {
      stop();
      this.#discardedBefore = socket.bytesRead - readBefore;
      this.#obey(socket, outcome, by);
    };
    if (asked) this.cut(asked);
  }

  /** Ends the close as a {@link Cut} says, before FIN. */
  #obey(socket: Socket, outcome: Cut, by: CloseReport['engine'] = engine): void {
    if (isPlain(outcome)) this.#giveUp(socket, outcome, false, by);
    else this.#reset(socket, outcome);
  }

  #giveUp(socket: Socket, outcome: Outcome, finSent: boolean, by: CloseReport['engine'] = engine): void {
    const unackedBytes = readUnacked(findDescriptor(socket));
    const delivered = finSent && (unackedBytes === null ? null : unackedBytes === 0);
    switchLingerOff(socket);
    destroyNow(socket);
    this.#report({ outcome, delivered, discardedBytes: this.#discardedBefore, unackedBytes, engine: by });
  }

  #discard(socket: Socket, limits: LingerLimits): void {
    this.#cutStage = undefined;
    const fd = engine === 'native' ? findDescriptor(socket) : -1;
    if (fd >= 0 && limits.until === 'eof' && isOver(fd, isAccepted(socket))) {
      this.#endAtOnce(socket, undefined);
      return;
    }
    this.#lingerId = fd < 0 ? -1 : startLinger(fd, false, isAccepted(socket), limits, this);
    if (this.#lingerId === BROKEN) this.#endBroken(socket, undefined);
    else if (this.#lingerId >= 0) destroyNow(socket);
    else this.#discardByStream(socket, limits, fd < 0 ? undefined : lingerError(this.#lingerId));
  }

  /** The peer has reset the connection: there is nothing to linger for. */
  #endBroken(socket: Socket, error: Error | undefined): void {
    const unackedBytes = readUnacked(findDescriptor(socket));
    destroyNow(socket, error);
    this.#report({
      outcome: 'peer-reset',
      delivered: false,
      discardedBytes: this.#discardedBefore,
      unackedBytes,
    });
  }

  /** The peer has closed already (a proxy nearby does): neither a duplicate nor the discard loop is needed. */
  #endAtOnce(socket: Socket, error: Error | undefined): void {
    destroyNow(socket, error);
    this.#report({ outcome: 'eof', delivered: true, discardedBytes: this.#discardedBefore, unackedBytes: 0 });
  }

  /** @param reason why the addon could not take the connection */
  #discardByStream(socket: Socket, limits: LingerLimits, reason: SocketError | undefined): void {
    // Input of the flush that is still in the stream's buffer is counted when it leaves the buffer.
    const held = Math.min(socket.readableLength, this.#discardedBefore);
    this.#discardedBefore -= held;
    const request = unreadRequestOf(socket);
    const discard = request
      ? discardByRequest.bind(undefined, socket, request)
      : discardByStream.bind(undefined, socket);
    const ended = ({ outcome, discardedBytes, error }: StreamEnd) => {
      this.#report({
        outcome,
        engine: 'streams',
        discardedBytes: this.#discardedBefore + discardedBytes,
        error: outcome === 'error' && error ? SocketError.from(error) : reason,
      });
    };
    let stop = () => 0;
    const asked = this.#catchCut(() => {
      stop = discard({ ...limits, maxBytes: limits.maxBytes + held }, ended);
    });
    this.#cutStage = (outcome) => {
      this.#discardedBefore += stop();
      if (isPlain(outcome)) this.#giveUp(socket, outcome, true, 'streams');
      else this.#reset(socket, outcome, true, reason);
    };
    if (asked) this.cut(asked);
  }

  /** @param finSent FIN may be acknowledged already; the streams engine cannot tell */
  #reset(socket: Socket, outcome: Exclude<Cut, 'evicted' | 'timeout'>, finSent = false, error?: SocketError): void {
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
    if (this.#ended) return;
    this.#cutStage = undefined;
    this.#lingerId = -1;
    const { outcome, discardedBytes = 0, unackedBytes = null, error } = end;
    const delivered = end.delivered && this.#mayLoseOutput ? null : (end.delivered ?? null);
    const duration = now() - this.startedAt;
    const report: CloseReport = {
      outcome,
      delivered,
      discardedBytes,
      unackedBytes,
      duration,
      engine: end.engine ?? engine,
    };
    if (error) report.error = error;
    this.#ended = report;
    this.#resolve?.(report);
    try {
      this.#onEnd?.(this, report);
    } catch (error) {
      throwLater(error);
    }
    try {
      this.#stopListening?.();
    } catch (error) {
      throwLater(error);
    }
    if (this.#announced) publishEnd(this.#announced, report);
  }
}

export function lingerLimits({
  mode,
  until,
  idleTimeout,
  timeout,
  minRate,
  maxBytes,
  ref,
}: CheckedOptions): LingerLimits {
  return { until: mode === 'drain' ? 'drained' : until, idleTimeout, timeout, minRate, maxBytes, ref };
}

function lingerError(errno: number): SocketError {
  const { EMFILE, ENFILE, ENOTSOCK, EPROTOTYPE } = constants.errno;
  // Only the duplicate counts against the limit of descriptors.
  const byDuplicate = errno === -EMFILE || errno === -ENFILE;
  // A pipe of pipe(2), such as stdin, is a net.Socket too.
  const byOption = errno === -ENOTSOCK || errno === -EPROTOTYPE;
  return new SocketError(byDuplicate ? 'fcntl' : byOption ? 'getsockopt' : 'epoll_ctl', errno);
}
