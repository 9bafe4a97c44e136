// The wait of one error. The connection is broken, but the kernel, or Node's buffer, may still hold what the peer sent
// before. That is read first. Then the application gets the error. EOF waits in the same way, where undici is paused.

import type { Socket } from 'node:net';
import { afterPoll, timerAfterPoll } from '../core/after-poll.ts';
import { MAX_DELAY, nextTick } from '../core/time.ts';
import { destroyNow } from '../socket/ownership.ts';
import { readPending } from '../socket/queues.ts';
import { isTls } from '../socket/tls.ts';
import { endsWithConnection, hasEndedRequest, hasNoReader, hasWholeAnswer, isUnreadWhileSending } from './answer.ts';
import type { ReadingListener } from './reading.ts';
import { watchReading } from './reading.ts';

export type WriteCallback = (error?: Error | null) => void;

/** A write that failed, and the callback that Node waits for. */
export interface FailedWrite {
  readonly error: NodeJS.ErrnoException;
  readonly callback: WriteCallback;
}

export interface Situation {
  /** Milliseconds without a read of the application, after which the wait ends. */
  readonly timeout: number;
  /** Whether undici has the socket. Of its answers only undici knows how far they have come. */
  readonly isUndici: boolean;
  /** Whether undici is paused by its consumer: there may be more to an answer, although the socket has no more. */
  readonly isPaused: boolean;
  /** Whether the application has asked for the wait by name: it may begin to read at any time. */
  readonly mayReadLater: boolean;
}

/** Milliseconds for an application that has not begun to read. */
const UNHEARD_TIMEOUT = 250;
/** Milliseconds for the 'close' of a socket that is being destroyed. */
const DESTROYED_TIMEOUT = 1_000;
/** What has arrived is read in the next poll phase of the event loop. */
const POLLS_FOR_DATA = 1;
/** EOF may come one poll phase behind the data. So does data, where the kernel's queue cannot be asked. */
const POLLS_FOR_EOF = 2;

const waits = new Set<DeferredError>();

/** The event loop is empty, so the application will read no more. The errors come now, and the process can go on. */
function endAll(): void {
  for (const wait of waits) wait.end();
}

export class DeferredError implements ReadingListener {
  readonly #socket: Socket;
  #error: NodeJS.ErrnoException | undefined;
  readonly #situation: Situation;
  #write: FailedWrite | undefined;
  /** Bytes that the kernel held when the error came. NaN where that cannot be known. */
  readonly #owed: number;
  readonly #readBefore: number;
  /** As of the last step. */
  #read: number;
  #left: number;
  #isChecking = false;
  readonly #hadEndedRequest: boolean;
  /** EOF or a read error has come: what is left is in Node's buffer. */
  #atEnd: boolean;
  #isOver = false;
  #quietPolls = 0;
  #cancelLook: (() => void) | undefined;
  #cancelTimeout: (() => void) | undefined;
  #cancelUnheard: (() => void) | undefined;
  #giveBack: (() => void) | undefined;

  /**
   * @param error what the application gets when the wait is over; none where it is EOF that waits
   * @param write the write that failed with it; none for an error of a read
   */
  constructor(
    socket: Socket,
    error: NodeJS.ErrnoException | undefined,
    write: FailedWrite | undefined,
    situation: Situation,
  ) {
    this.#socket = socket;
    this.#error = error;
    this.#write = write;
    this.#situation = situation;
    this.#atEnd = write === undefined || hasReceivedEof(socket);
    this.#owed = this.#atEnd ? 0 : (readPending(socket) ?? Number.NaN);
    this.#readBefore = socket.bytesRead;
    this.#read = socket.bytesRead;
    this.#left = socket.readableLength;
    this.#hadEndedRequest = hasEndedRequest(socket);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Begins to wait. Where nothing is left to read, the application gets the error before this returns. */
  start(): void {
    const socket = this.#socket;
    // TLS may have records in hand that the kernel does not count any more.
    const mayBeOver = this.#atEnd || (this.#owed === 0 && !isTls(socket));
    this.#listen();
    if (!mayBeOver || socket.readableLength > 0 || this.#situation.isPaused) this.#lookLater();
    else if (!this.#endGoesFirst()) this.end();
    else if (this.#atEnd) this.#endOfData();
    else this.#lookLater();
  }

  /** A write failed behind an error that waits already. @returns whether it waits too */
  addWrite(write: FailedWrite): boolean {
    if (this.#write) return false;
    this.#write = write;
    this.#error ??= write.error;
    return true;
  }

  /** The socket is being destroyed. The application may take all its listeners away, and with them that for 'close'. */
  onDestroyed(): void {
    if (this.#isOver) return;
    this.#cancelTimeout?.();
    this.#cancelTimeout = timerAfterPoll(DESTROYED_TIMEOUT, () => this.end(), false);
  }

  /** Node has read an error. */
  endOfInput(): void {
    this.onStep();
    this.#atEnd = true;
  }

  onEof(): boolean {
    this.#atEnd = true;
    return this.#isOver || !this.#situation.isUndici;
  }

  onStep(): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    nextTick(() => this.#check());
  }

  /** Behind a step, and behind an `unshift()` of what was not wanted yet, which belongs to it. */
  #check(): void {
    this.#isChecking = false;
    const socket = this.#socket;
    if (this.#isOver || socket.destroyed) return;
    const left = socket.readableLength;
    if (left !== this.#left || socket.bytesRead !== this.#read) {
      this.#left = left;
      this.#read = socket.bytesRead;
      // What was owed is finite, and so is the wait. For what comes on top of it the limit is not put off.
      if (this.#read - this.#readBefore <= this.#owed) this.#restartTimeout();
    }
    if (this.#situation.isPaused) return;
    if (left > 0) {
      if (this.#isUnheard()) this.#limitUnheard();
    } else if (this.#atEnd) this.#endOfData();
    else this.#lookLater();
  }

  /** Ends the wait. The application gets the error, unless it has got a whole answer. */
  end(): void {
    if (this.#isOver) return;
    const socket = this.#socket;
    const write = this.#write;
    if (!socket.destroyed && write) {
      const isWhole = hasWholeAnswer(socket);
      // A request that the application has ended meanwhile waits for the callbacks of its writes, and takes itself for
      // sent when they come, even with an error. So it hears first how it ends, and the callbacks come behind 'close'.
      if (isWhole || (hasEndedRequest(socket) && !this.#hadEndedRequest)) {
        destroyNow(socket, isWhole ? undefined : this.#error);
        this.#stopWatching();
        this.onDestroyed();
        return;
      }
    }
    this.#isOver = true;
    this.#stopWatching();
    this.#cancelTimeout?.();
    socket.removeListener('close', this.#onClose);
    if (waits.delete(this) && waits.size === 0) process.removeListener('beforeExit', endAll);
    if (!this.#error) {
      if (!socket.destroyed) passEof(socket);
      return;
    }
    // Node calls the callback of the application first, and then destroys the socket with the error.
    if (write?.error !== this.#error) destroyNow(socket, hasWholeAnswer(socket) ? undefined : this.#error);
    write?.callback(write.error);
  }

  readonly #onClose = () => this.end();

  #listen(): void {
    if (waits.has(this)) return;
    if (waits.size === 0) process.on('beforeExit', endAll);
    waits.add(this);
    this.#socket.once('close', this.#onClose);
    this.#giveBack = watchReading(this.#socket, this);
    this.#restartTimeout();
  }

  #stopWatching(): void {
    this.#cancelLook?.();
    this.#cancelUnheard?.();
    this.#giveBack?.();
    this.#giveBack = undefined;
  }

  /** All that came has been read, and Node has not emitted 'end' yet. */
  #endOfData(): void {
    if (!this.#endGoesFirst()) {
      this.end();
      return;
    }
    const socket = this.#socket;
    this.#stopWatching();
    // The last listener for 'end': Node's own have ended the answer by then.
    socket.once('end', () => this.end());
    // It was kept from undici.
    if (this.#situation.isUndici) passEof(socket);
  }

  /**
   * Whether EOF tells the application more than the error does. The kernel answers a write with EPIPE, and not with
   * ECONNRESET, where the peer's FIN has come before its RST (`tcp_reset` in Linux). So what arrived is all that the
   * peer has sent, and an answer that only EOF ends is whole.
   */
  #endGoesFirst(): boolean {
    if (this.#error?.code !== 'EPIPE' || this.#socket.readableEnded) return false;
    return this.#situation.isUndici ? this.#socket.bytesRead > 0 : endsWithConnection(this.#socket);
  }

  #lookLater(): void {
    this.#quietPolls = 0;
    this.#cancelLook ??= afterPoll(() => this.#look());
  }

  #look(): void {
    this.#cancelLook = undefined;
    const socket = this.#socket;
    if (this.#isUnheard()) this.#limitUnheard();
    // The application reads at its own pace. Its next read, or Node's, brings us here again.
    if (socket.readableLength > 0 || this.#atEnd || this.#situation.isPaused) return;
    const pending = readPending(socket);
    if (pending !== null && pending > 0 && socket.bytesRead - this.#readBefore < this.#owed) return;
    this.#quietPolls++;
    const polls = pending === null || this.#endGoesFirst() ? POLLS_FOR_EOF : POLLS_FOR_DATA;
    if (this.#quietPolls >= polls) this.end();
    else this.#cancelLook = afterPoll(() => this.#look());
  }

  /**
   * Whether nothing has begun to read what came. Some protocols only send, and Node fills its buffer all the same. An
   * application may also wait for its writes before it reads, and its write waits here.
   */
  #isUnheard(): boolean {
    const socket = this.#socket;
    if (this.#situation.isUndici) return false;
    if (isUnreadWhileSending(socket)) return true;
    if (this.#situation.mayReadLater || !hasNoReader(socket)) return false;
    // Paused before it was connected, Node has read nothing of it. With the option `onread` it has, and keeps nothing.
    return socket.readableLength > 0 || socket.bytesRead === 0;
  }

  #limitUnheard(): void {
    this.#cancelUnheard ??= timerAfterPoll(
      UNHEARD_TIMEOUT,
      () => {
        this.#cancelUnheard = undefined;
        if (this.#isUnheard()) this.end();
      },
      false,
    );
  }

  #restartTimeout(): void {
    const { timeout } = this.#situation;
    this.#cancelTimeout?.();
    if (timeout > MAX_DELAY) return;
    // It does not keep the process alive: see endAll().
    this.#cancelTimeout = timerAfterPoll(timeout, () => this.end(), false);
  }
}

function passEof(socket: Socket): void {
  if (!hasReceivedEof(socket)) socket.push(null);
}

/** Whether EOF has reached the stream. Until 'end' is emitted, only its state tells. */
function hasReceivedEof(socket: Socket): boolean {
  return (socket as { _readableState?: { ended?: boolean } })._readableState?.ended === true;
}
