// The native discard loop as seen from JavaScript: opened once per environment, one callback for all lingers.

import { constants } from 'node:os';
import type { LingerAddon } from '../system/addon.ts';
import { addon, LINGER_FIGURES, OUTCOMES, UNTIL, unavailable } from '../system/addon.ts';

export type Outcome = (typeof OUTCOMES)[number];

/** How a linger ended, in the kernel's figures. */
export interface LingerEnd {
  outcome: Outcome;
  /** Negative, or 0. */
  errno: number;
  delivered: boolean | null;
  discardedBytes: number;
  unackedBytes: number | null;
}

export interface LingerLimits {
  until: (typeof UNTIL)[number];
  idleTimeout: number;
  timeout: number;
  maxBytes: number;
  ref: boolean;
}

/** Told once, when a linger has ended and its descriptor is closed. */
export interface LingerListener {
  lingerEnded(end: LingerEnd): void;
}

type Owners = Map<number, LingerListener>;

/** With the owners kept on the addon: a module that is evaluated twice (`import('...?again')`, a test runner) finds the same addon, and its loop open. */
type OwnedAddon = LingerAddon & { owners?: Owners };

function isLingerAddon(addon: object): addon is OwnedAddon {
  return 'openLingerLoop' in addon;
}

function open(): { loop?: OwnedAddon; reason?: string } {
  if (!addon) return unavailable?.unexpected ? { reason: unavailable.reason } : {};
  if (!isLingerAddon(addon)) return {};
  if (addon.owners) return { loop: addon };
  const result = addon.openLingerLoop(settle);
  if (result < 0) return { reason: `the linger loop cannot be opened (errno ${-result})` };
  addon.owners = new Map();
  return { loop: addon };
}

const { loop, reason } = open();
const owners: Owners = loop?.owners ?? new Map();

/**
 * Which engine closes: `'native'`, the discard loop of the addon (Linux), or `'streams'`, the same close path over Node's streams, which serves where the
 * addon is missing, not allowed or not made for.
 */
export const engine: 'native' | 'streams' = loop ? 'native' : 'streams';

if (reason) {
  process.emitWarning(`safeClose() falls back to its streams engine, for the addon is not available: ${reason}`, {
    type: 'LingeringCloseWarning',
    code: 'LINGERING_CLOSE_FALLBACK',
  });
}

function settle(...figures: number[]): void {
  for (let i = 0; i < figures.length; i += LINGER_FIGURES) {
    const [id, outcome, errno, delivered, discarded, unacked] = figures.slice(i, i + LINGER_FIGURES) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const owner = owners.get(id);
    owners.delete(id);
    owner?.lingerEnded({
      outcome: OUTCOMES[outcome] as Outcome,
      errno: -errno,
      delivered: delivered < 0 ? null : delivered === 1,
      discardedBytes: discarded,
      unackedBytes: unacked < 0 ? null : unacked,
    });
  }
}

/** 0 where a raw descriptor may be taken over, 1 where it listens, 2 where it belongs to a Socket of this thread; or -errno. */
export function checkTakeover(fd: number): number {
  return (loop as LingerAddon).checkTakeover(fd);
}

/** Whether there is nothing to linger for any more: the peer has closed too, and has everything. FIN has been sent. */
export function isOver(fd: number, accepted: boolean): boolean {
  return (loop as LingerAddon).isOver(fd, Number(accepted)) === 1;
}

/** What {@link startLinger} returns for a connection that the peer has reset, when the error was taken off the socket. */
export const BROKEN = -constants.errno.ENOTCONN;

let drainsOnExit = false;

/**
 * Starts to discard what the peer sends on a duplicate of `fd`, or on `fd` itself with `take`. FIN has been sent, or is sent here.
 * @param accepted whether the connection certainly comes from a listening socket
 * @returns an id >= 0; or -errno, {@link BROKEN} among them: then nothing has been changed
 */
export function startLinger(
  fd: number,
  take: boolean,
  accepted: boolean,
  limits: LingerLimits,
  owner: LingerListener,
): number {
  const { until, idleTimeout, timeout, maxBytes, ref } = limits;
  const id = (loop as LingerAddon).startLinger(
    fd,
    Number(take),
    Number(accepted),
    UNTIL.indexOf(until),
    idleTimeout,
    timeout,
    maxBytes,
    Number(ref),
  );
  if (id < 0) return id;
  owners.set(id, owner);
  if (!drainsOnExit) {
    drainsOnExit = true;
    // process.exit() leaves no time to linger, but what is queued already need not cause a RST.
    process.on('exit', () => (loop as LingerAddon).drainLingers());
  }
  return id;
}

/** Ends a linger at once: by RST for 'reset' and 'aborted', by a plain close otherwise. Its owner is told before this returns. */
export function endLinger(id: number, outcome: Outcome): void {
  loop?.endLinger(id, OUTCOMES.indexOf(outcome));
}

/** A duplicate that keeps a close of `fd` from being the last, until {@link releaseDescriptor} or the end of the environment; -errno if there is none. */
export function holdDescriptor(fd: number): number {
  return loop ? loop.holdDescriptor(fd) : -1;
}

export function releaseDescriptor(duplicate: number): void {
  loop?.releaseDescriptor(duplicate);
}
