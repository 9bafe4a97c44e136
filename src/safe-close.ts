// safeClose: flush, FIN, hand over to the discard loop, report.
import { closeSync, fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { type CheckedOptions, checkOptions, type SafeCloseOptions } from './close-options.ts';
import { findDescriptor, type SocketLike, validateSocketLike } from './descriptor.ts';
import { defineHidden, destroyNow, releaseDestroy } from './destroy.ts';
import { discardByStream } from './discard-stream.ts';
import { checked, codedError, isConnectionReset, SocketError } from './errors.ts';
import { flush } from './flush.ts';
import { dropGuard, switchLingerOff } from './linger.ts';
import {
  checkTakeover,
  endLinger,
  engine,
  type LingerEnd,
  type LingerLimits,
  type LingerOwner,
  type Outcome,
  startLinger,
} from './linger-loop.ts';
import { addon } from './native.ts';
import { onAbort } from './on-abort.ts';

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

const CLOSING = Symbol('lingering-close.closing');
const byDescriptor = new Map<number, Closing>();

/**
 * Closes a connection so that the peer gets what was written to it: flush, FIN, then a **lingering close**, which discards what the peer still sends until it has
 * closed its side. A plain close with unread data in the receive queue makes the kernel send RST instead: what was not sent yet is lost, the peer's next
 * write fails (EPIPE, ECONNRESET), and a peer may throw away what it had not read.
 *
 * From the call on the application is given no more data of this socket. When output is flushed the `net.Socket` is destroyed ('close' is emitted as
 * ever) and a duplicate of its descriptor lingers, at some hundred bytes a connection, and no JavaScript runs for it.
 *
 * For HTTP/1 pass `request.socket`, right behind `response.end()`: what the response has not been given by then is lost, and `delivered` does not count it.
 * HTTP/2 has no socket of a request's own.
 *
 * A raw descriptor is taken over: it must be a connected stream socket that nothing else reads, and once the promise settles its number is no longer yours.
 *
 * A second call for the same socket gives the first promise; with `mode: 'reset'` it also cuts the close short. On a socket that is destroyed, or not
 * connected yet, it resolves with `'closed'` (and destroys it).
 *
 * @param socket a socket of Node (TCP, TLS, UNIX), or a raw descriptor
 * @param options see {@link SafeCloseOptions}; times are milliseconds
 * @returns resolves with a {@link CloseReport}, always; never rejects for what a peer does
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`; for a raw descriptor also `ERR_INVALID_STATE` (it
 * listens, or belongs to a Socket of this thread: pass the Socket) and a {@link SocketError} (`EBADF`, `ENOTSOCK`, `EPROTOTYPE`)
 *
 * Platforms: Linux natively; everywhere else through Node's streams. Source: RFC 1122 4.2.2.13, RFC 2525 2.17; `tcp_close` in Linux; the algorithm is nginx's
 * lingering_close.
 */
export function safeClose(socket: SocketLike, options?: SafeCloseOptions): Promise<CloseReport> {
  validateSocketLike(socket);
  const checkedOptions = checkOptions(options);
  const known = typeof socket === 'number' ? byDescriptor.get(socket) : (socket as { [CLOSING]?: Closing })[CLOSING];
  if (known) {
    if (checkedOptions.mode === 'reset') known.cut('reset');
    return known.promise;
  }
  const closing = new Closing();
  if (typeof socket === 'number') {
    closing.startRaw(socket, checkedOptions);
  } else {
    defineHidden(socket, CLOSING, closing);
    closing.start(socket, checkedOptions);
  }
  return closing.promise;
}

class Closing implements LingerOwner {
  readonly promise: Promise<CloseReport>;
  readonly #startedAt = performance.now();
  #resolve!: (report: CloseReport) => void;
  /** Ends a stage that holds the socket. Empty once the addon has taken over: nothing of ours retains the socket then. */
  #cutStage: ((outcome: 'reset' | 'aborted') => void) | undefined;
  #lingerId = -1;
  #discardedBefore = 0;
  #rawDescriptor = -1;
  #stopListening: (() => void) | undefined;

  constructor() {
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

  startRaw(fd: number, options: CheckedOptions): void {
    const { mode, signal } = options;
    const socket = engine === 'streams' ? adopt(fd) : checkRaw(fd);
    this.#rawDescriptor = fd;
    byDescriptor.set(fd, this);
    if (socket) {
      this.start(socket, options);
    } else if (signal?.aborted || mode === 'reset') {
      const unackedBytes = resetDescriptor(fd);
      closeSync(fd);
      this.#report({ outcome: signal?.aborted ? 'aborted' : 'reset', delivered: false, unackedBytes });
    } else {
      this.#lingerId = startLinger(fd, true, lingerLimits(options), this);
      if (this.#lingerId >= 0) {
        this.#listenForAbort(signal);
      } else {
        closeSync(fd);
        this.#report({ outcome: 'error', delivered: false, error: lingerError(this.#lingerId) });
      }
    }
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
    const unackedBytes = readUnacked(socket);
    const delivered = finSent && (unackedBytes === null ? null : unackedBytes === 0);
    switchLingerOff(socket);
    destroyNow(socket);
    this.#report({ outcome, delivered, discardedBytes: this.#discardedBefore, unackedBytes });
  }

  #discard(socket: Socket, limits: LingerLimits): void {
    this.#cutStage = undefined;
    const fd = engine === 'native' ? findDescriptor(socket) : -1;
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
    const unackedBytes = resetSocket(socket);
    this.#report({
      outcome,
      delivered: native ? false : null,
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
    this.#cutStage = undefined;
    this.#lingerId = -1;
    this.#stopListening?.();
    if (this.#rawDescriptor >= 0) byDescriptor.delete(this.#rawDescriptor);
    const { outcome, delivered = null, discardedBytes = 0, unackedBytes = null, error } = end;
    const duration = performance.now() - this.#startedAt;
    const report: CloseReport = { outcome, delivered, discardedBytes, unackedBytes, duration, engine: end.engine ?? engine };
    if (error) report.error = error;
    this.#resolve(report);
  }
}

function lingerLimits({ mode, until, idleTimeout, timeout, maxBytes, ref }: CheckedOptions): LingerLimits {
  return { until: mode === 'drain' ? 'drained' : until, idleTimeout, timeout, maxBytes, ref };
}

function checkRaw(fd: number): undefined {
  const result = checked(checkTakeover(fd), 'getsockopt');
  if (result === 0) return;
  throw notForTaking(fd, result === 1 ? 'is a listening socket' : OWNED);
}

const OWNED = 'belongs to a Socket or Server of this thread: pass the Socket';

function notForTaking(fd: number, why: string): Error {
  return codedError(Error, 'ERR_INVALID_STATE', `Invalid state: descriptor ${fd} ${why}`);
}

/** Without the addon a raw descriptor lingers as a Socket. */
function adopt(fd: number): Socket {
  let isSocket: boolean;
  try {
    isSocket = fstatSync(fd).isSocket();
  } catch (error) {
    throw SocketError.from(error as NodeJS.ErrnoException);
  }
  if (!isSocket) throw new SocketError('getsockopt', -constants.errno.ENOTSOCK);
  try {
    return new Socket({ fd, allowHalfOpen: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw notForTaking(fd, OWNED);
    if (code === 'ERR_INVALID_FD_TYPE') throw new SocketError('getsockopt', -constants.errno.EPROTOTYPE);
    throw error;
  }
}

function lingerError(errno: number): SocketError {
  // The duplicate is the only thing of a linger that counts against the limit of descriptors.
  return new SocketError(errno === -constants.errno.EMFILE ? 'fcntl' : 'epoll_ctl', errno);
}

function readUnacked(socket: Socket): number | null {
  const unacked = addon?.unackedBytes(findDescriptor(socket)) ?? -1;
  return unacked < 0 ? null : unacked;
}

/** Makes the next close of a descriptor a RST; gives what was unacknowledged by then. */
function resetDescriptor(fd: number): number | null {
  const unacked = addon?.unackedBytes(fd) ?? -1;
  addon?.setLinger(fd, 0);
  return unacked < 0 ? null : unacked;
}

function resetSocket(socket: Socket): number | null {
  const fd = findDescriptor(socket);
  // destroy(), and not core's resetAndDestroy(), which answers EINVAL and leaks the handle while FIN is on its way, and refuses TLS.
  if (addon && fd >= 0) {
    const unacked = resetDescriptor(fd);
    destroyNow(socket);
    return unacked;
  }
  releaseDestroy(socket);
  const finOnItsWay = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  try {
    if (!finOnItsWay) socket.resetAndDestroy();
  } catch {
    // ERR_INVALID_HANDLE_TYPE: no TCP handle of its own.
  }
  socket.destroy();
  return null;
}
