// The options of safeClose: defaults, and the errors for what is not one.
import { checkAbortSignal, checkLimit, checkObject } from '../core/checks.ts';
import { invalidArgType, invalidArgValue } from '../core/errors.ts';

export interface SafeCloseOptions {
  /**
   * - `'linger'` (default): flush, FIN, then discard what the peer still sends until `until`. The peer gets everything.
   * - `'drain'`: flush, FIN, then discard only what has arrived already, and close. Cheap; data that arrives later is still answered with RST.
   * - `'reset'`: RST now, unsent output is lost. On a UNIX socket, which has no RST, a close at once.
   */
  mode?: 'linger' | 'drain' | 'reset' | undefined;
  /**
   * When a linger is over. `'eof'` (default): the peer has closed its side, and acknowledged ours. `'delivered'`: the peer's TCP has acknowledged
   * everything, FIN included, and the receive queue is empty: SO_LINGER without blocking, for protocols in which the peer has nothing more to
   * send. **Not for HTTP**, where a peer in mid-upload would be reset. The streams engine cannot see acknowledgements and waits for EOF.
   */
  until?: 'eof' | 'delivered' | undefined;
  /** Milliseconds in which no byte is received and none acknowledged, after which the close gives up. Default 5,000; `Infinity` for none. */
  idleTimeout?: number | undefined;
  /**
   * Milliseconds for the whole linger, counted from our FIN. Default 30,000; `Infinity` for none. While output is being flushed it bounds the time in which
   * the peer takes none of it.
   */
  timeout?: number | undefined;
  /**
   * Bytes to discard at most; one more ends the linger. While output is being flushed the peer is read no more over it,
   * but for the read that is under way. Default `Infinity`.
   */
  maxBytes?: number | undefined;
  /**
   * Abort resets the connection at once; the promise then resolves, with `'aborted'`. An absolute limit: `AbortSignal.timeout(ms)`. Node.js 20 may collect one
   * that only `AbortSignal.any()` refers to, and it never fires: keep a reference of your own there.
   */
  signal?: AbortSignal | undefined;
  /** Whether a pending close keeps the process alive. Default true. */
  ref?: boolean | undefined;
}

export interface CheckedOptions {
  mode: 'linger' | 'drain' | 'reset';
  until: 'eof' | 'delivered';
  idleTimeout: number;
  timeout: number;
  maxBytes: number;
  signal: AbortSignal | undefined;
  ref: boolean;
}

/** Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`. Reads each property once. */
export function checkOptions(options: SafeCloseOptions = {}): CheckedOptions {
  checkObject('options', options);
  const {
    mode = 'linger',
    until = 'eof',
    idleTimeout = 5_000,
    timeout = 30_000,
    maxBytes = Infinity,
    signal,
    ref = true,
  } = options;
  if (mode !== 'linger' && mode !== 'drain' && mode !== 'reset') {
    throw invalidArgValue('options.mode', "one of 'linger', 'drain', 'reset'", mode);
  }
  if (until !== 'eof' && until !== 'delivered')
    throw invalidArgValue('options.until', "one of 'eof', 'delivered'", until);
  checkLimit('options.idleTimeout', idleTimeout);
  checkLimit('options.timeout', timeout);
  checkLimit('options.maxBytes', maxBytes);
  checkAbortSignal('options.signal', signal);
  if (typeof ref !== 'boolean') throw invalidArgType('options.ref', 'of type boolean', ref);
  return { mode, until, idleTimeout, timeout, maxBytes, signal, ref };
}
