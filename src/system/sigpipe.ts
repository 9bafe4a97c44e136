// SIGPIPE: its disposition belongs to the process, and a command-line tool's death by it is a convention of shells.

import { isMainThread } from 'node:worker_threads';
import { isConnectionReset } from '../core/error-kinds.ts';
import { checked, codedError, invalidArgValue } from '../core/errors.ts';
import { addon, requireAddon } from './addon.ts';

/** In the order of `enum Disposition` of sigpipe.cc. */
const DISPOSITIONS = ['default', 'ignore', 'handler'] as const;

export type SigpipeDisposition = (typeof DISPOSITIONS)[number];

/**
 * What the process does on SIGPIPE: `'ignore'` (Node's setting at start, under which a write to a closed peer is an EPIPE error), `'default'` (the
 * write kills the process) or `'handler'` (there is a listener: `process.on('SIGPIPE')`).
 *
 * The trap: removing the last `process.on('SIGPIPE')` listener leaves `'default'`, not `'ignore'`. `setSigpipe('ignore')` mends it.
 *
 * @throws `ERR_ADDON_UNAVAILABLE`, `ERR_UNSUPPORTED_PLATFORM`
 *
 * Platforms: Linux, macOS. Source: sigaction(2), signal(7).
 */
export function getSigpipe(): SigpipeDisposition {
  return DISPOSITIONS[checked(requireAddon('getSigpipe').getSigpipe(), 'sigaction')] as SigpipeDisposition;
}

/**
 * Sets what the process does on SIGPIPE, for all its threads.
 *
 * **`'default'` in a server is a crash that waits for its client**: the next write to any socket or pipe whose peer is gone kills the process at once,
 * without an event, without 'exit' listeners. It is meant for command-line tools without sockets; {@link exitOnBrokenPipe} is the safer way there.
 *
 * A handler that `process.on('SIGPIPE')` installed is replaced, and its listeners are not called any more. Child processes start with the default
 * whatever is set here (libuv resets it).
 *
 * @param disposition `'ignore'` or `'default'`
 * @returns the disposition before
 * @throws `ERR_INVALID_ARG_VALUE`; `ERR_ADDON_UNAVAILABLE`, `ERR_UNSUPPORTED_PLATFORM`
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

let installed = false;

/**
 * For command-line tools: when stdout or stderr breaks (`tool | head -1`), the process dies by SIGPIPE as `cat` or `grep` would (status 141 in a
 * shell), instead of an EPIPE stack trace or useless work to the end. Sockets and all other descriptors keep EPIPE as an error.
 *
 * It takes effect when the failed write is reported, after the current tick. Calling it twice is calling it once. `process.on('exit')` listeners are not run.
 *
 * @throws `ERR_WORKER_UNSUPPORTED_OPERATION` in a Worker, whose stdout is not the process's
 *
 * Platforms: Linux, macOS, also without the addon; on Windows, which has no SIGPIPE, the process exits with code 141. Source: signal(7), pipe(7); the
 * rule is that of Go's os/signal package.
 */
export function exitOnBrokenPipe(): void {
  if (!isMainThread) {
    throw codedError(TypeError, 'ERR_WORKER_UNSUPPORTED_OPERATION', 'exitOnBrokenPipe() is not supported in workers');
  }
  if (installed) return;
  installed = true;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error) => {
      if (isConnectionReset(error)) dieBySigpipe();
      else if (stream.listenerCount('error') === 1) throw error;
    });
  }
}

function dieBySigpipe(): never {
  if (process.platform !== 'win32') {
    if (addon) {
      addon.setSigpipe(DISPOSITIONS.indexOf('default'));
    } else {
      // Removing the last listener is what leaves the default disposition behind: the trap that getSigpipe() tells of, put to use.
      process.removeAllListeners('SIGPIPE').once('SIGPIPE', () => {});
      process.removeAllListeners('SIGPIPE');
    }
    process.kill(process.pid, 'SIGPIPE');
  }
  // Still here: the first process of a PID namespace is not killed by a default action.
  process.exit(128 + 13);
}
