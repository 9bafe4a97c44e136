// Closes that are counted together, reported to one listener, and kept under a limit: the lingering connections of a
// server.
import type { Socket } from 'node:net';
import { throwLater } from '../core/throw-later.ts';
import type { Outcome } from '../engine/linger-loop.ts';
import { OUTCOMES } from '../system/addon.ts';
import { addressKey } from './address-key.ts';
import type { CloseReport } from './close-report.ts';
import { ConnectionClose } from './connection-close.ts';
import { HeaviestFirst } from './heaviest-first.ts';
import { QuietCloses, type QuietEnd } from './quiet-closes.ts';
import type { CheckedOptions } from './safe-close-options.ts';

/** Sums over the lingers of a server that are over, since `lingerOnClose` was called. */
export interface LingerTotals {
  /** How many lingers have ended with each outcome: those of {@link CloseReport}. */
  outcomes: Record<Outcome, number>;
  /** Bytes of all peers that were discarded. */
  discardedBytes: number;
  /** Lingers that were ended to make room for others: the same figure as `outcomes.evicted`. */
  evictions: number;
}

/** The sets that have lingering connections at the moment. The limit of the thread holds over all of them. */
const busy = new Set<LingerSet>();

export class LingerSet {
  active = 0;
  /**
   * How many closes may run at once. There is no limit while the server is being closed: each close then takes the
   * place of a connection that was open.
   */
  maximum: number;
  readonly totals: LingerTotals = {
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>,
    discardedBytes: 0,
    evictions: 0,
  };
  /** By the address of the peer: one that has many lingering connections takes the places of its own, not of others. */
  readonly #closings = new HeaviestFirst<ConnectionClose>();
  readonly #quietCloses = new QuietCloses((end) => {
    this.#quiet--;
    this.#leave();
    this.#count(end);
  });
  /** How many of the active closes are quiet ones. They came when there was no limit, and take no places of others. */
  #quiet = 0;
  readonly #onEnd: (() => void) | undefined;

  constructor(maximum: number, onEnd?: () => void) {
    this.maximum = maximum;
    this.#onEnd = onEnd;
  }

  /** Adds a close of `socket`, which counts as a lingering connection from now to its end. `start` begins it. */
  add(socket: Socket, start: (closing: ConnectionClose) => void): void {
    const closing = new ConnectionClose(this.#ended, keyOf(socket));
    this.#closings.add(closing);
    this.active++;
    busy.add(this);
    start(closing);
    while (this.limited > this.maximum) this.evict();
    if (busy.size > 1) evictOverAll();
  }

  /**
   * Closes a connection that has nothing to do, while there is no limit.
   * @returns false where nothing was done, because the connection needs a close of its own
   */
  addQuiet(socket: Socket, options: CheckedOptions): boolean {
    if (this.maximum !== Infinity) return false;
    this.active++;
    this.#quiet++;
    busy.add(this);
    if (this.#quietCloses.close(socket, options)) return true;
    this.#quiet--;
    this.#leave();
    return false;
  }

  /** The closes to which the limit applies. */
  get limited(): number {
    return this.active - this.#quiet;
  }

  /** One function for all closes of the set: with a closure each, a lingering connection would weigh a sixth more. */
  readonly #ended = (closing: ConnectionClose, report: CloseReport): void => {
    if (this.#remove(closing)) this.#count(report);
  };

  #count({ outcome, discardedBytes }: QuietEnd): void {
    try {
      this.totals.outcomes[outcome]++;
      this.totals.discardedBytes += discardedBytes;
      if (outcome === 'evicted') this.totals.evictions++;
    } catch (error) {
      // The application has frozen the totals.
      throwLater(error);
    }
    this.#onEnd?.();
  }

  /** Ends all closes. */
  cutAll(outcome: 'aborted' | 'timeout'): void {
    for (const closing of this.#closings.all()) this.#cut(closing, outcome);
    this.#quietCloses.cutAll(outcome);
  }

  /** Ends the oldest close of the address that has most. */
  evict(): void {
    const { next } = this.#closings;
    if (next) this.#cut(next, 'evicted');
  }

  #cut(closing: ConnectionClose, outcome: 'aborted' | 'timeout' | 'evicted'): void {
    try {
      closing.cut(outcome);
    } catch (error) {
      throwLater(error);
    }
    // A close that does not end must not stand in the way of others.
    if (this.#remove(closing)) this.#onEnd?.();
  }

  /** @returns whether it was here */
  #remove(closing: ConnectionClose): boolean {
    if (!this.#closings.delete(closing)) return false;
    this.#leave();
    return true;
  }

  #leave(): void {
    if (--this.active === 0) busy.delete(this);
  }

  /** Whether the next eviction should hit this set: its largest address has more than that of `other`, or is older. */
  isHeavierThan(other: LingerSet): boolean {
    const [own, others] = [this.#closings, other.#closings];
    if (own.largest !== others.largest) return own.largest > others.largest;
    return (own.next?.startedAt ?? Infinity) < (others.next?.startedAt ?? Infinity);
  }
}

/** The application may have given the socket an address of its own, of whatever kind (the PROXY protocol). */
function keyOf(socket: Socket): number {
  try {
    return addressKey(socket.remoteAddress);
  } catch {
    return addressKey(undefined);
  }
}

/** The limit of the thread is the largest limit of the sets that are busy. */
function evictOverAll(): void {
  const all = [...busy];
  const active = all.reduce((sum, set) => sum + set.limited, 0);
  if (active <= Math.max(...all.map(({ maximum }) => maximum))) return;
  const [first, ...others] = all as [LingerSet, ...LingerSet[]];
  others.reduce((heaviest, set) => (set.isHeavierThan(heaviest) ? set : heaviest), first).evict();
}
