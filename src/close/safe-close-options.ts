// The options of safeClose: their defaults, and the errors for bad ones.
import { checkAbortSignal, checkLimit, checkObject, checkTime } from '../core/checks.ts';
import { invalidArgType, invalidArgValue } from '../core/errors.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';

/** The options of {@link safeClose}. Times are milliseconds. */
export interface SafeCloseOptions {
  /**
   * - `'linger'` (default): flush, FIN, then discard what the peer still sends. The peer gets everything. `until` says
   *   when this ends.
   * - `'drain'`: flush, FIN, then discard only what has already arrived, and close. Cheap; data that arrives later is
   *   still answered with RST.
   * - `'reset'`: RST now; unsent output is lost. A UNIX socket has no RST: it is closed at once. So is, without the
   *   addon, a TLS socket, and any socket while its FIN is on its way.
   */
  mode?: 'linger' | 'drain' | 'reset' | undefined;
  /**
   * When a linger is over.
   *
   * - `'eof'` (default): the peer has closed its side, and has acknowledged everything, FIN included.
   * - `'delivered'`: the peer's TCP has acknowledged everything, FIN included, and the receive queue is empty. This is
   *   SO_LINGER without blocking, for protocols in which the peer has nothing more to send. **Not for HTTP**: a peer in
   *   the middle of an upload would get RST. The streams engine cannot see acknowledgements, and waits for EOF.
   */
  until?: 'eof' | 'delivered' | undefined;
  /**
   * The close gives up after so many milliseconds in which no byte is received and none is acknowledged. Default
   * 10,000; `Infinity` for no limit.
   */
  idleTimeout?: number | undefined;
  /**
   * Milliseconds for the whole linger, counted from our FIN; see `minRate` for who has more. Default 30,000; `Infinity`
   * for no limit. Before FIN, while output is flushed, the close gives up after so many milliseconds in which the peer
   * takes no output.
   */
  timeout?: number | undefined;
  /**
   * Bytes a second. A peer that has sent so many on average, counted from our FIN, may linger on after `timeout` for as
   * long as its average stays at that, up to ten times `timeout`. So a client on a slow link can send a long upload to
   * its end, and each further second costs a peer that only wants to stay so many bytes. Default 8,000, so five minutes
   * cost 2.4 MB. `Infinity`, or 0, switches it off: then `timeout` is the limit for everyone.
   */
  minRate?: number | undefined;
  /**
   * Bytes to discard at most; one more ends the linger. Default `Infinity`. While output is flushed, reaching this
   * limit does not end the close: the peer is no longer read then, except for the read that is under way.
   */
  maxBytes?: number | undefined;
  /**
   * An abort resets the connection at once; the promise then resolves, with outcome `'aborted'`. For an absolute limit
   * pass `AbortSignal.timeout(ms)`. In Node.js 20 keep a reference to a signal that you pass to `AbortSignal.any()`:
   * otherwise it may be garbage-collected, and then it never fires.
   */
  signal?: AbortSignal | undefined;
  /**
   * Whether a pending close keeps the process alive. Default true. For the connections that a server closes the default
   * is in between: it does, but once nothing else does, only while less than a second passes without progress. (With
   * the streams engine the default is true there too.)
   */
  ref?: boolean | undefined;
}

export interface CheckedOptions {
  mode: 'linger' | 'drain' | 'reset';
  until: 'eof' | 'delivered';
  idleTimeout: number;
  timeout: number;
  /** Never 0: `Infinity` where it is switched off. */
  minRate: number;
  maxBytes: number;
  signal: AbortSignal | undefined;
  /** Undefined: in between, as a server's connections have it. */
  ref: boolean | undefined;
}

/** Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`; warns of a name that is no option. */
export function checkOptions(options: SafeCloseOptions | undefined): CheckedOptions {
  const checked = checkValues(options, true);
  warnOfUnknownOptions('safeClose()', options, checked);
  return checked;
}

/** Does the same without the warning, for options that are more than these. Reads each property once. */
export function checkValues(options: SafeCloseOptions = {}, defaultRef?: boolean): CheckedOptions {
  checkObject('options', options);
  const {
    mode = 'linger',
    until = 'eof',
    idleTimeout = 10_000,
    timeout = 30_000,
    minRate = 8_000,
    maxBytes = Infinity,
    signal,
    ref = defaultRef,
  } = options;
  if (mode !== 'linger' && mode !== 'drain' && mode !== 'reset') {
    throw invalidArgValue('options.mode', "one of 'linger', 'drain', 'reset'", mode);
  }
  if (until !== 'eof' && until !== 'delivered')
    throw invalidArgValue('options.until', "one of 'eof', 'delivered'", until);
  checkTime('options.idleTimeout', idleTimeout);
  checkTime('options.timeout', timeout);
  checkLimit('options.minRate', minRate);
  checkLimit('options.maxBytes', maxBytes);
  checkAbortSignal('options.signal', signal);
  if (ref !== undefined && typeof ref !== 'boolean') throw invalidArgType('options.ref', 'of type boolean', ref);
  return { mode, until, idleTimeout, timeout, minRate: minRate || Infinity, maxBytes, signal, ref };
}
