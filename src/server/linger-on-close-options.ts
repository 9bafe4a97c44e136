// The options of lingerOnClose: defaults, and the errors for what is not one.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { CheckedOptions, SafeCloseOptions } from '../close/safe-close-options.ts';
import { checkValues } from '../close/safe-close-options.ts';
import { invalidArgType, invalidArgValue, outOfRange } from '../core/errors.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';
import { defaultMaxLingering } from '../system/open-file-limit.ts';

/** What `choose` may return for a single connection. What it leaves out is as for the server. */
export interface LingerChoice extends SafeCloseOptions {
  /**
   * - `'needed'`, the default for HTTP servers: lingers when the request was not read to its end, or bytes are waiting
   *   in the receive queue. Where the server cannot tell (an upgraded connection, HTTP/2, a TLS handshake that failed),
   *   it lingers when the peer has not closed its side. Any other close costs next to nothing.
   * - `'always'`, the default for net and tls servers: lingers whenever the peer has not closed its side yet.
   */
  when?: 'needed' | 'always' | undefined;
}

/**
 * The options of {@link lingerOnClose}: those of {@link SafeCloseOptions} and these. An abort of `signal` resets all
 * connections of the server that linger, and each one that would linger later.
 */
export interface LingerOnCloseOptions extends LingerChoice {
  /**
   * How many connections may linger at once. One more evicts the oldest connection of the address that has most (of an
   * IPv6 address the first 64 bits count). An integer, or `Infinity` for no limit but that of descriptors. Default
   * 1,000, or a quarter of the open-file limit where that is less. The largest `maxLingering` of all servers that have
   * lingering connections is also the limit of the thread; each Worker has its own.
   */
  maxLingering?: number | undefined;
  /**
   * Called when a connection is about to be closed that would linger, or might. `false` closes it as Node does. An
   * object has options for this connection. Anything else leaves it with the options of the server. Default none. The
   * function must not throw: if it does, or if its object has an invalid option, the options of the server serve, and
   * the error becomes a process warning (`LINGERING_CLOSE_CALLBACK`).
   */
  choose?: ((socket: Socket | TLSSocket) => boolean | LingerChoice | undefined) | undefined;
  /**
   * Whether an idle connection that Node is about to close by itself (`keepAliveTimeout`, `closeIdleConnections()`) is
   * read first where bytes are waiting, so that a request that has arrived is answered. Where nothing was read, it is
   * closed one or two turns of the event loop later. Default true; without effect on net and tls servers. The streams
   * engine cannot see what is waiting, and reads each such connection first.
   */
  readBeforeIdleClose?: boolean | undefined;
}

export interface CheckedChoice extends CheckedOptions {
  when: 'needed' | 'always';
}

export interface CheckedServerOptions extends CheckedChoice {
  maxLingering: number;
  choose: LingerOnCloseOptions['choose'];
  readBeforeIdleClose: boolean;
}

/** Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`; warns of a name that is no option. */
export function checkServerOptions(
  options: LingerOnCloseOptions | undefined,
  when: 'needed' | 'always',
): CheckedServerOptions {
  const checked = checkChoice(options, when);
  const { maxLingering = defaultMaxLingering(), choose, readBeforeIdleClose = true } = options ?? {};
  if (typeof maxLingering !== 'number') throw invalidArgType('options.maxLingering', 'of type number', maxLingering);
  if (!((Number.isInteger(maxLingering) || maxLingering === Infinity) && maxLingering >= 0)) {
    throw outOfRange('options.maxLingering', 'an integer >= 0, or Infinity', maxLingering);
  }
  if (choose !== undefined && typeof choose !== 'function')
    throw invalidArgType('options.choose', 'of type function', choose);
  if (typeof readBeforeIdleClose !== 'boolean')
    throw invalidArgType('options.readBeforeIdleClose', 'of type boolean', readBeforeIdleClose);
  const all = { ...checked, maxLingering, choose, readBeforeIdleClose };
  warnOfUnknownOptions('lingerOnClose()', options, all);
  return all;
}

export function checkChoice(options: LingerChoice | undefined, defaultWhen: 'needed' | 'always'): CheckedChoice {
  const checked = checkValues(options);
  const { when = defaultWhen } = options ?? {};
  if (when !== 'needed' && when !== 'always') throw invalidArgValue('options.when', "one of 'needed', 'always'", when);
  return { ...checked, when };
}
