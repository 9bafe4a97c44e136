// The disposition of SIGPIPE, which belongs to the whole process.

import { checked, invalidArgValue } from '../core/errors.ts';
import { requireAddon } from './addon.ts';

/** In the order of `enum Disposition` of broken_pipe.h. */
const DISPOSITIONS = ['default', 'ignore', 'handler'] as const;

/** What the process does on SIGPIPE: see {@link getSigpipe}. */
export type SigpipeDisposition = (typeof DISPOSITIONS)[number];

/**
 * What the process does on SIGPIPE: `'ignore'` (Node's setting at start, under which a write to a closed peer is an
 * EPIPE error), `'default'` (the write kills the process) or `'handler'` (there is a listener:
 * `process.on('SIGPIPE')`). After `exitOnBrokenPipe()` that of all descriptors but stdout and stderr.
 *
 * The trap: removing the last `process.on('SIGPIPE')` listener leaves `'default'`, not `'ignore'`.
 * `setSigpipe('ignore')` mends it.
 *
 * @throws without the addon: `ERR_ADDON_UNAVAILABLE`, or `ERR_UNSUPPORTED_PLATFORM` where the platform has none
 *
 * Platforms: Linux, macOS. Source: sigaction(2), signal(7).
 */
export function getSigpipe(): SigpipeDisposition {
  return DISPOSITIONS[checked(requireAddon('getSigpipe').getSigpipe(), 'sigaction')] as SigpipeDisposition;
}

/**
 * Sets what the process does on SIGPIPE, for all its threads.
 *
 * **`'default'` in a server is a crash that waits for its client**: the next write to any socket or pipe whose peer is
 * gone kills the process at once, without an event, without 'exit' listeners. It is meant for command-line tools
 * without sockets; `exitOnBrokenPipe()` is the safer way there.
 *
 * A handler that `process.on('SIGPIPE')` installed is replaced, and its listeners are not called any more. Child
 * processes start with the default whatever is set here (libuv resets it).
 *
 * @param disposition `'ignore'` or `'default'`
 * @returns the disposition before
 * @throws `ERR_INVALID_ARG_VALUE`; without the addon as {@link getSigpipe}
 *
 * Platforms: Linux, macOS. Source: sigaction(2), signal(7).
 */
export function setSigpipe(disposition: 'ignore' | 'default'): SigpipeDisposition {
  if (disposition !== 'ignore' && disposition !== 'default') {
    throw invalidArgValue('disposition', "one of 'ignore', 'default'", disposition);
  }
  const before = requireAddon('setSigpipe').setSigpipe(DISPOSITIONS.indexOf(disposition));
  return DISPOSITIONS[checked(before, 'sigaction')] as SigpipeDisposition;
}
