// The lingering connections of a server: counted, told, and kept under their limit.
import type { Outcome } from '../engine/linger-loop.ts';
import { OUTCOMES } from '../system/addon.ts';
import type { CloseReport } from './close-report.ts';
import { ConnectionClose } from './connection-close.ts';

/** Since `lingerOnClose` was called. */
export interface LingerTotals {
  /** How the lingers that are over have ended. */
  outcomes: Record<Outcome, number>;
  discardedBytes: number;
  /** Those that made room for others: the same as `outcomes.evicted`. */
  evictions: number;
}

/** Those with one time-out, the oldest first, and so in the order of their deadlines. */
interface Line {
  closings: Set<ConnectionClose>;
  /** One for all of them: a closure each would make a lingering connection a sixth heavier. */
  onEnd: (closing: ConnectionClose, report: CloseReport) => void;
}

/** Those that have lingering connections at the moment, over which the limit of the process holds. */
const busy = new Set<LingerSet>();

export class LingerSet {
  active = 0;
  /** How many may be. Lifted while the server is being closed, for then each takes the place of a connection that was open. */
  maximum: number;
  readonly totals: LingerTotals = {
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>,
    discardedBytes: 0,
    evictions: 0,
  };
  /** By their time-out: there are few. */
  readonly #lines = new Map<number, Line>();
  readonly #onEnd: (() => void) | undefined;

  constructor(maximum: number, onEnd?: () => void) {
    this.maximum = maximum;
    this.#onEnd = onEnd;
  }

  /** A close that counts as a lingering connection from now to its end. `start` begins it. */
  add(timeout: number, start: (closing: ConnectionClose) => void): void {
    const line = this.#lines.get(timeout) ?? this.#newLine(timeout);
    const closing = new ConnectionClose(line.onEnd);
    line.closings.add(closing);
    this.active++;
    busy.add(this);
    start(closing);
    if (this.active > this.maximum) this.evict();
    else if (busy.size > 1) evictOverAll();
  }

  #newLine(timeout: number): Line {
    const closings = new Set<ConnectionClose>();
    const onEnd = (closing: ConnectionClose, report: CloseReport) => {
      closings.delete(closing);
      if (closings.size === 0) this.#lines.delete(timeout);
      this.#ended(report);
    };
    const line = { closings, onEnd };
    this.#lines.set(timeout, line);
    return line;
  }

  #ended({ outcome, discardedBytes }: CloseReport): void {
    if (--this.active === 0) busy.delete(this);
    this.totals.outcomes[outcome]++;
    this.totals.discardedBytes += discardedBytes;
    if (outcome === 'evicted') this.totals.evictions++;
    this.#onEnd?.();
  }

  /** Ends all of them. */
  cutAll(outcome: 'aborted' | 'timeout'): void {
    for (const { closings } of this.#lines.values()) for (const closing of closings) closing.cut(outcome);
  }

  /** Ends the one with the least time left. */
  evict(): void {
    this.#next()?.closing.cut('evicted');
  }

  /** When the first of them runs out of time. */
  get nextDeadline(): number {
    return this.#next()?.deadline ?? Infinity;
  }

  #next(): { closing: ConnectionClose; deadline: number } | undefined {
    let next: { closing: ConnectionClose; deadline: number } | undefined;
    for (const [timeout, { closings }] of this.#lines) {
      const [closing] = closings;
      if (!closing) continue;
      const deadline = closing.startedAt + timeout;
      if (!next || next.deadline > deadline) next = { closing, deadline };
    }
    return next;
  }
}

/** The process has the largest limit of the servers that are busy; with a single one that is its own. */
function evictOverAll(): void {
  const all = [...busy];
  const active = all.reduce((sum, lingering) => sum + lingering.active, 0);
  if (active <= Math.max(...all.map(({ maximum }) => maximum))) return;
  const [first, ...others] = all as [LingerSet, ...LingerSet[]];
  others.reduce((next, lingering) => (lingering.nextDeadline < next.nextDeadline ? lingering : next), first).evict();
}
