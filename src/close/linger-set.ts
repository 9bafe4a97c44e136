// Closes that are counted together, reported to one listener, and kept under a limit: the lingering connections of a
// server.
import type { Outcome } from '../engine/linger-loop.ts';
import { OUTCOMES } from '../system/addon.ts';
import type { CloseReport } from './close-report.ts';
import { ConnectionClose } from './connection-close.ts';

/** Since `lingerOnClose` was called. */
export interface LingerTotals {
  /** How many lingers have ended with each outcome. */
  outcomes: Record<Outcome, number>;
  discardedBytes: number;
  /** Lingers that were ended to make room for others: the same figure as `outcomes.evicted`. */
  evictions: number;
}

/** Closes with the same timeout, in order of start, which is the order of their deadlines. */
interface Line {
  closings: Set<ConnectionClose>;
  /** One function for all closes of the line: with a closure each, a lingering connection would weigh a sixth more. */
  onEnd: (closing: ConnectionClose, report: CloseReport) => void;
}

/** The sets that have lingering connections at the moment. The limit of the process holds over all of them. */
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
  /** By timeout: there are few different ones. */
  readonly #lines = new Map<number, Line>();
  readonly #onEnd: (() => void) | undefined;

  constructor(maximum: number, onEnd?: () => void) {
    this.maximum = maximum;
    this.#onEnd = onEnd;
  }

  /** Adds a close, which counts as a lingering connection from now to its end. `start` begins it. */
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

  /** Ends all closes. */
  cutAll(outcome: 'aborted' | 'timeout'): void {
    for (const { closings } of this.#lines.values()) for (const closing of closings) closing.cut(outcome);
  }

  /** Ends the close with the least time left. */
  evict(): void {
    this.#next()?.closing.cut('evicted');
  }

  /** The earliest deadline. */
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

/** The limit of the process is the largest limit of the sets that are busy. */
function evictOverAll(): void {
  const all = [...busy];
  const active = all.reduce((sum, lingering) => sum + lingering.active, 0);
  if (active <= Math.max(...all.map(({ maximum }) => maximum))) return;
  const [first, ...others] = all as [LingerSet, ...LingerSet[]];
  others.reduce((next, lingering) => (lingering.nextDeadline < next.nextDeadline ? lingering : next), first).evict();
}
