// The native discard loop as seen from JavaScript. It is opened once per environment, with one callback for all
// lingers.

import { constants } from 'node:os';
import { throwLater } from '../core/throw-later.ts';
import type { LingerAddon } from '../system/addon.ts';
import { addon, LINGER_FIGURES, OUTCOMES, UNTIL, unavailable } from '../system/addon.ts';

export type Outcome = (typeof OUTCOMES)[number];

/** How a linger ended, with the kernel's figures. */
export interface LingerEnd {
  outcome: Outcome;
  /** Negative, or 0 for none. */
  errno: number;
  delivered: boolean | null;
  discardedBytes: number;
  unackedBytes: number | null;
}

export interface LingerLimits {
  until: (typeof UNTIL)[number];
  idleTimeout: number;
  timeout: number;
  /** Bytes a second that earn a peer more time than `timeout`; `Infinity` where none does. Never 0. */
  minRate: number;
  maxBytes: number;
  /**
   * Whether it keeps the process alive. Undefined: no longer than {@link LAST_IDLE} without progress, once nothing else
   * does.
   */
  ref: boolean | undefined;
}

/** Is called once, when a linger has ended and its descriptor is closed. */
export interface LingerListener {
  lingerEnded(end: LingerEnd): void;
}

type Listeners = Map<number, LingerListener>;

/**
 * The addon keeps the listeners, as `owners`: a module that is evaluated twice (`import('...?again')`, a test runner)
 * finds the same addon, with its loop open. Such a copy may be another version, so the name must stay. With `exits`,
 * the `process` whose listeners serve the loop, such copies add none of their own: Node.js warns of the eleventh.
 */
type OpenedAddon = LingerAddon & { owners?: Listeners; exits?: NodeJS.Process };

function isLingerAddon(addon: object): addon is OpenedAddon {
  return 'openLingerLoop' in addon;
}

function open(): { loop?: OpenedAddon; reason?: string } {
  if (!addon) return unavailable?.unexpected ? { reason: unavailable.reason } : {};
  if (!isLingerAddon(addon)) return {};
  if (addon.owners) return { loop: addon };
  const result = addon.openLingerLoop(settle);
  if (result < 0) return { reason: `the linger loop cannot be opened (errno ${-result})` };
  addon.owners = new Map();
  return { loop: addon };
}

const { loop, reason } = open();
const listeners: Listeners = loop?.owners ?? new Map();

/**
 * Which engine closes connections.
 *
 * - `'native'`: the discard loop of the addon (Linux).
 * - `'streams'`: the same steps through Node's streams, where the addon is missing, not allowed, or has no discard loop
 *   for the platform.
 *
 * It is decided when the package is loaded, and does not change. A single close may use the other one: see `engine` of
 * {@link CloseReport}.
 *
 * Platforms: `'native'` on Linux with the addon, `'streams'` everywhere else. On Linux a process warning says once in a
 * thread why it is not the native one (`LINGERING_CLOSE_FALLBACK`).
 */
export const engine: 'native' | 'streams' = loop ? 'native' : 'streams';

if (reason) warnOfFallback(reason);

/** Once in a thread, however many copies of the package are in it, as ES modules and as CommonJS. */
function warnOfFallback(reason: string): void {
  const warned = globalThis as { [key: symbol]: unknown };
  const key = Symbol.for('lingering-close.fallback');
  if (warned[key]) return;
  warned[key] = true;
  try {
    process.emitWarning(`safeClose() falls back to its streams engine, for the addon is not available: ${reason}`, {
      type: 'LingeringCloseWarning',
      code: 'LINGERING_CLOSE_FALLBACK',
    });
  } catch {
    // An import does not fail because something has been put in place of that function.
  }
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
    const listener = listeners.get(id);
    listeners.delete(id);
    try {
      listener?.lingerEnded({
        outcome: OUTCOMES[outcome] as Outcome,
        errno: -errno,
        delivered: delivered < 0 ? null : delivered === 1,
        discardedBytes: discarded,
        unackedBytes: unacked < 0 ? null : unacked,
      });
    } catch (error) {
      throwLater(error);
    }
  }
}

/**
 * Whether a raw descriptor may be taken over.
 * @returns 0: yes; 1: no, it listens; 2: no, it belongs to a Socket of this thread; or -errno
 */
export function checkTakeover(fd: number): number {
  return (loop as LingerAddon).checkTakeover(fd);
}

/**
 * Whether a linger would end at once: the peer has closed its side, and has acknowledged everything. FIN has been sent.
 * @param accepted whether the connection certainly comes from a listening socket
 */
export function isOver(fd: number, accepted: boolean): boolean {
  return (loop as LingerAddon).isOver(fd, Number(accepted)) === 1;
}

/**
 * What {@link startLinger} returns for a connection that the peer has reset, when the error was taken off the socket.
 */
export const BROKEN = -constants.errno.ENOTCONN;

/** In the order of `enum class Ref` of lingering_socket.h. */
const REFS = [false, true, undefined];

/** Milliseconds: longer than most round trips, and than the first retransmissions. */
const LAST_IDLE = 1_000;

/**
 * Starts to discard what the peer sends. FIN has been sent, or is sent here.
 * @param take whether the loop takes `fd` itself, and closes it in the end; otherwise it works on a duplicate
 * @param accepted whether the connection certainly comes from a listening socket
 * @returns an id >= 0; or -errno, {@link BROKEN} among them: then nothing has been changed
 */
export function startLinger(
  fd: number,
  take: boolean,
  accepted: boolean,
  limits: LingerLimits,
  listener: LingerListener,
): number {
  const { until, idleTimeout, timeout, minRate, maxBytes, ref } = limits;
  const id = (loop as LingerAddon).startLinger(
    fd,
    Number(take),
    Number(accepted),
    UNTIL.indexOf(until),
    idleTimeout,
    timeout,
    minRate,
    maxBytes,
    REFS.indexOf(ref),
  );
  if (id < 0) return id;
  listeners.set(id, listener);
  if (loop && loop.exits !== process) {
    loop.exits = process;
    // process.exit() leaves no time to linger. What is in the receive queue is discarded, so that it causes no RST.
    process.on('exit', () => loop.drainLingers());
    // Nothing else keeps the process alive. Without this, most peers that are still sending would lose their answer.
    // With the whole idle time, a process would wait for peers that are silent for as long as it runs: its own clients.
    process.on('beforeExit', () => loop.keepBriefly(LAST_IDLE));
  }
  return id;
}

/**
 * Ends a linger at once: by RST for 'reset' and 'aborted', by a plain close otherwise. The listener of the linger is
 * called before this function returns.
 */
export function endLinger(id: number, outcome: Outcome): void {
  loop?.endLinger(id, OUTCOMES.indexOf(outcome));
}

/** Ends all lingers of a listener, as {@link endLinger} does. */
export function endLingersOf(listener: LingerListener, outcome: Outcome): void {
  for (const [id, each] of listeners) if (each === listener) endLinger(id, outcome);
}

/**
 * Makes a duplicate of `fd`, so that a close of `fd` is not the last one of the connection. The duplicate is open until
 * {@link releaseDescriptor} or the end of the environment.
 * @returns the duplicate, or a negative number if there is none
 */
export function holdDescriptor(fd: number): number {
  return loop ? loop.holdDescriptor(fd) : -1;
}

export function releaseDescriptor(duplicate: number): void {
  loop?.releaseDescriptor(duplicate);
}
