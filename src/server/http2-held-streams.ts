// HTTP/2 streams whose RST_STREAM waits. See http2-early-answers.ts for which streams that are. A stream waits until
//
// - a PING that was sent behind END_STREAM is acknowledged: then the client has received the answer;
// - or its client ends it, by END_STREAM or RST_STREAM;
// - or `idleTimeout` has passed, or too many streams wait.

import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import { timerAfterPoll } from '../core/after-poll.ts';
import { setImmediate } from '../core/time.ts';

export interface HoldLimits {
  /** Milliseconds for which a stream waits where no PING comes back. */
  idleTimeout: number;
  /** How many streams of the server may wait. */
  maxWaiting: number;
}

/** How many streams of one session may wait. Each may hold a window of input: 64 KB, unless the application sets it. */
const MAX_A_SESSION = 100;

/** Node allows ten PINGs of a session at once, and the application may send some itself. */
const MAX_PINGS = 4;

const OPEN = 2;
const HALF_CLOSED_LOCAL = 5;

/** Whether the client has neither ended nor reset the stream. */
export function isOpenToClient(stream: ServerHttp2Stream): boolean {
  if (stream.destroyed) return false;
  const { state, remoteClose } = stream.state;
  return (state === OPEN || state === HALF_CLOSED_LOCAL) && remoteClose === 0;
}

/** The waiting streams of a server. */
export class HeldStreams {
  limits: HoldLimits = { idleTimeout: 0, maxWaiting: 0 };
  readonly #sessions = new WeakMap<Http2Session, HeldSession>();
  /** The oldest first. */
  readonly #all = new Set<HeldStream>();

  /** @param reset sends RST_STREAM */
  hold(stream: ServerHttp2Stream, session: Http2Session, reset: () => void): void {
    let held = this.#sessions.get(session);
    if (!held) {
      held = new HeldSession(session, this);
      this.#sessions.set(session, held);
    }
    held.hold(stream, reset);
  }

  add(held: HeldStream): void {
    this.#all.add(held);
    const [oldest] = this.#all;
    if (this.#all.size > this.limits.maxWaiting) oldest?.release();
  }

  delete(held: HeldStream): void {
    this.#all.delete(held);
  }
}

class HeldStream {
  readonly stream: ServerHttp2Stream;
  readonly #session: HeldSession;
  readonly #reset: () => void;
  batch: Batch | undefined;
  /** Whether END_STREAM had left Node's queue when the last PING was sent. */
  flushed = false;
  pings = 0;
  #released = false;

  constructor(stream: ServerHttp2Stream, session: HeldSession, reset: () => void) {
    this.stream = stream;
    this.#session = session;
    this.#reset = reset;
    // For Node the stream is closed, and it would destroy the stream without RST_STREAM. An error that comes now (the
    // connection breaks) would have found no stream without us, and an application may have no 'error' listener.
    const { destroy } = stream;
    stream.destroy = () => {
      this.release();
      return destroy.call(stream);
    };
  }

  get released(): boolean {
    return this.#released;
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.batch?.streams.delete(this);
    this.#session.forget(this);
    if (isOpenToClient(this.stream)) this.#reset();
  }
}

/** Streams that wait for the same PING. */
interface Batch {
  readonly streams: Set<HeldStream>;
  cancelTimer: () => void;
  /** `idleTimeout` has passed. */
  expired: boolean;
}

class HeldSession {
  readonly #session: Http2Session;
  readonly #owner: HeldStreams;
  /** The oldest first. */
  readonly #waiting = new Set<HeldStream>();
  /** The streams for which the next PING is sent. */
  #next: Batch | undefined;
  /** PINGs that are not acknowledged yet. */
  #pings = 0;
  /** Those of them for which `idleTimeout` has passed. */
  #overdue = 0;

  constructor(session: Http2Session, owner: HeldStreams) {
    this.#session = session;
    this.#owner = owner;
  }

  hold(stream: ServerHttp2Stream, reset: () => void): void {
    const held = new HeldStream(stream, this, reset);
    // A client that acknowledges no PING would have to wait for each of its streams.
    if (this.#overdue > 0) {
      held.release();
      return;
    }
    this.#waiting.add(held);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > MAX_A_SESSION) oldest?.release();
    this.#owner.add(held);
    if (!held.released) this.#gather(held);
  }

  forget(held: HeldStream): void {
    this.#waiting.delete(held);
    this.#owner.delete(held);
  }

  #gather(held: HeldStream): void {
    this.#next ??= this.#open();
    this.#next.streams.add(held);
    held.batch = this.#next;
  }

  #open(): Batch {
    const batch: Batch = { streams: new Set(), cancelTimer: () => {}, expired: false };
    batch.cancelTimer = timerAfterPoll(this.#owner.limits.idleTimeout, () => this.#expire(batch), false);
    // One PING for all streams that are answered in this turn of the event loop.
    setImmediate(this.#ping);
    return batch;
  }

  readonly #ping = (): void => {
    const batch = this.#next;
    // The next acknowledgement calls again.
    if (!batch || this.#pings >= MAX_PINGS) return;
    this.#next = undefined;
    for (const held of batch.streams) {
      if (isOpenToClient(held.stream)) {
        held.pings++;
        held.flushed = held.stream.state.localClose === 1;
      } else {
        held.release();
      }
    }
    if (batch.streams.size === 0) {
      batch.cancelTimer();
      return;
    }
    this.#pings++;
    sendPing(this.#session, (error) => {
      this.#pings--;
      if (batch.expired) this.#overdue--;
      this.#end(batch, !error);
      this.#ping();
    });
  };

  #end(batch: Batch, acknowledged: boolean): void {
    batch.cancelTimer();
    for (const held of [...batch.streams]) {
      // PING overtakes END_STREAM where END_STREAM still waits in Node's queue. Then it takes a second PING.
      if (acknowledged && !held.flushed && held.pings === 1) this.#gather(held);
      else held.release();
    }
  }

  #expire(batch: Batch): void {
    if (this.#next === batch) {
      this.#next = undefined;
    } else {
      batch.expired = true;
      this.#overdue++;
    }
    this.#end(batch, false);
  }
}

/**
 * Where Node does not send the PING (too many are under way, the session is gone), `callback` gets an error.
 *
 * A session that ends with its last stream, behind GOAWAY, refuses ping(), though its client answers PINGs as before.
 * So it is called on an object that is the session in all but `closed`.
 */
function sendPing(session: Http2Session, callback: (error: Error | null) => void): void {
  try {
    const open = session.closed ? Object.create(session, { closed: { value: false } }) : session;
    Reflect.apply(session.ping, open, [callback]);
  } catch (error) {
    callback(error as Error);
  }
}
