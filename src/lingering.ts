// The lingering connections of a server: counted, told, and kept under their limit.
import type { CloseReport } from './close-report.ts';
import { Closing } from './closing.ts';
import type { Outcome } from './linger-loop.ts';
import { OUTCOMES } from './native.ts';

/** Since `lingerOnClose` was called. */
export interface LingerTotals {
  /** How the lingers that are over have ended. */
  outcomes: Record<Outcome, number>;
  discardedBytes: number;
  /** Those that made room for others: the same as `outcomes.evicted`. */
  evictions: number;
}

interface Entry {
  closing: Closing;
  /** Milliseconds of performance.now(), after which its total time is up. */
  deadline: number;
}

/** Those that have lingering connections at the moment, over which the limit of the process holds. */
const busy = new Set<Lingering>();

export class Lingering {
  active = 0;
  /** How many may be. Lifted while the server is being closed, for then each takes the place of a connection that was open. */
  maximum: number;
  readonly totals: LingerTotals = {
    outcomes: Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>,
    discardedBytes: 0,
    evictions: 0,
  };
  /** By their time-out, the oldest first: so each list is in the order of its deadlines, and there are few lists. */
  readonly #lists = new Map<number, Set<Entry>>();

  readonly #onEnd: (() => void) | undefined;

  constructor(maximum: number, onEnd?: () => void) {
    this.maximum = maximum;
    this.#onEnd = onEnd;
  }

  /** A close that counts as a lingering connection from now to its end. `start` begins it. */
  add(timeout: number, start: (closing: Closing) => void): void {
    const list = this.#lists.get(timeout) ?? new Set<Entry>();
    const closing: Closing = new Closing((report) => this.#ended(report, timeout, list, entry));
    const entry: Entry = { closing, deadline: performance.now() + timeout };
    this.#lists.set(timeout, list.add(entry));
    this.active++;
    busy.add(this);
    start(closing);
    if (this.active > this.maximum) this.evict();
    else if (busy.size > 1) evictOverAll();
  }

  #ended({ outcome, discardedBytes }: CloseReport, timeout: number, list: Set<Entry>, entry: Entry): void {
    list.delete(entry);
    if (list.size === 0) this.#lists.delete(timeout);
    if (--this.active === 0) busy.delete(this);
    this.totals.outcomes[outcome]++;
    this.totals.discardedBytes += discardedBytes;
    if (outcome === 'evicted') this.totals.evictions++;
    this.#onEnd?.();
  }

  /** Ends all of them. */
  cutAll(outcome: 'aborted' | 'timeout'): void {
    for (const list of this.#lists.values()) for (const { closing } of list) closing.cut(outcome);
  }

  /** Ends the one with the least time left. */
  evict(): void {
    this.#next()?.closing.cut('evicted');
  }

  /** When the first of them runs out of time. */
  get nextDeadline(): number {
    return this.#next()?.deadline ?? Infinity;
  }

  #next(): Entry | undefined {
    let next: Entry | undefined;
    for (const list of this.#lists.values()) {
      const [oldest] = list;
      if (oldest && !(next && next.deadline <= oldest.deadline)) next = oldest;
    }
    return next;
  }
}

/** The process has the largest limit of the servers that are busy; with a single one that is its own. */
function evictOverAll(): void {
  const all = [...busy];
  const active = all.reduce((sum, lingering) => sum + lingering.active, 0);
  if (active <= Math.max(...all.map(({ maximum }) => maximum))) return;
  const [first, ...others] = all as [Lingering, ...Lingering[]];
  others.reduce((next, lingering) => (lingering.nextDeadline < next.nextDeadline ? lingering : next), first).evict();
}
