// The typed contract with src-native. Nothing here throws: where the addon cannot be had, `unavailable` says why.

import { codedError } from '../core/errors.ts';
import { loadAddon } from './load-addon.ts';

/** Every function gives a value >= 0, or `-errno`. Arguments are checked by the typed layer, never here. */
export interface Addon {
  /** `seconds` -1 switches it off. */
  setLinger(fd: number, seconds: number): number;
  /** 0 where it is off, else seconds + 1. */
  getLinger(fd: number): number;
  /** `known`: 1 where it is a socket for certain, and ENOTSOCK need not be asked for. */
  pendingBytes(fd: number, known: number): number;
  unackedBytes(fd: number, known: number): number;
  send(fd: number, data: Uint8Array): number;
  getSigpipe(): number;
  setSigpipe(disposition: number): number;
  /** Installs the handler behind `exitOnBrokenPipe()`. Again, after libuv has changed the disposition. */
  guardStdio(): number;
  /** 1 where stdout (1) or stderr (2) is a pipe or socket whose reader is gone, once it is guarded; else 0. */
  isStdioBroken(fd: number): number;
  dieBySigpipe(): never;
  readonly maxLingerSeconds: number;
  /** Microseconds; 0 where they were not measured. Linux only. */
  roundTrip?(fd: number): number;
}

/** The discard loop: Linux only. */
export interface LingerAddon extends Addon {
  /**
   * `callback` gets `LINGER_FIGURES` numbers for each linger that has ended: id, outcome, errno, delivered (-1
   * unknown), discarded, unacked (-1 unknown).
   */
  openLingerLoop(callback: (...figures: number[]) => void): number;
  /**
   * 0 for a stream socket that may be taken over, 1 for one that listens, 2 for one that this thread's event loop has.
   */
  checkTakeover(fd: number): number;
  /**
   * 1 where the peer has closed its side, all that it sent is read, and all that it was sent, FIN included, is
   * acknowledged; else 0.
   */
  isOver(fd: number, accepted: number): number;
  /** `accepted`: 1 where the connection certainly comes from a listening socket. -ENOTCONN: it is broken already. */
  startLinger(
    fd: number,
    take: number,
    accepted: number,
    until: number,
    idle: number,
    timeout: number,
    minRate: number,
    maxBytes: number,
    ref: number,
  ): number;
  endLinger(id: number, outcome: number): number;
  holdDescriptor(fd: number): number;
  releaseDescriptor(duplicate: number): number;
  /** Those with `ref` 2 keep the event loop alive from now on, for `idle` milliseconds without progress. */
  keepBriefly(idle: number): number;
  drainLingers(): void;
}

export const LINGER_FIGURES = 6;
/** In the order of `enum class Outcome` of lingering_socket.h. */
export const OUTCOMES = [
  'eof',
  'delivered',
  'drained',
  'reset',
  'peer-reset',
  'idle',
  'timeout',
  'max-bytes',
  'evicted',
  'aborted',
  'closed',
  'error',
] as const;
/** In the order of `enum class Until` of lingering_socket.h. */
export const UNTIL = ['eof', 'delivered', 'drained'] as const;

const loaded = loadAddon<Addon>();

export const addon = loaded.addon;
export const addonFile = loaded.file;
export const unavailable = loaded.unavailable;

/** The addon, for a function that cannot do without. */
export function requireAddon(caller: string): Addon {
  if (addon) return addon;
  throw codedError(
    Error,
    unavailable?.code as string,
    `${caller}() needs the addon of lingering-close: ${unavailable?.reason}`,
  );
}
