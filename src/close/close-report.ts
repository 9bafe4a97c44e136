// The report of a close.
import type { SocketError } from '../core/errors.ts';
import type { Outcome } from '../engine/linger-loop.ts';

/** How a close ended. */
export interface CloseReport {
  /**
   * - `'eof'`: the peer has closed its side, and has acknowledged all that we wrote. The streams engine cannot see
   *   acknowledgements: there `delivered` is `null`
   * - `'delivered'`: everything is acknowledged (`until: 'delivered'`)
   * - `'drained'`: the receive queue was discarded (`mode: 'drain'`)
   * - `'reset'`: we sent RST, because the caller asked for it (`mode: 'reset'`)
   * - `'peer-reset'`: the peer sent RST
   * - `'idle'`, `'timeout'`, `'max-bytes'`: a limit was reached; for `'timeout'` also the `lingerTimeout` of
   *   `closeServer`
   * - `'evicted'`: closed to make room for a new linger, at the `maxLingering` of `lingerOnClose`
   * - `'aborted'`: an AbortSignal aborted, that of the close or that of `closeServer`; we sent RST
   * - `'closed'`: there was nothing to close, or other code destroyed the socket
   * - `'error'`: the close failed; `error` says why
   *
   * Without the addon, `'reset'` and `'aborted'` are a plain close on TLS, and while FIN is on its way. A UNIX socket
   * has no RST: it is closed at once.
   */
  outcome: Outcome;
  /**
   * Whether the peer's TCP has acknowledged everything that we wrote, and our FIN. On a UNIX socket: whether the peer
   * has read everything. `null` where that cannot be known (streams engine; a RST right behind our FIN; a socket that
   * was closed before the call; output that was thrown away above the socket, by HTTP).
   *
   * True does not mean that the peer's application has read it. A client that writes its whole request before it reads
   * may be reset later, behind an outcome other than `'eof'`: its write then fails with EPIPE. The answer is in its
   * receive queue all the same (on Linux), but most clients do not look there any more.
   */
  delivered: boolean | null;
  /** Bytes of the peer that were discarded, from the call to the end. */
  discardedBytes: number;
  /**
   * Bytes in the kernel that were not acknowledged at the end; FIN counts as one. `null` where that cannot be known
   * (streams engine; a socket that was closed before the call, or that broke while output was flushed).
   */
  unackedBytes: number | null;
  /** Milliseconds from the call to the end. */
  duration: number;
  /**
   * The error that ended the close, or made it take another way (`EMFILE`: the streams engine instead of the native
   * one). Always there with outcome `'error'`; missing where there was no error.
   */
  error?: SocketError;
  /**
   * The engine that closed this connection: `'streams'` also where the addon is loaded, for TLS over a stream and after
   * `EMFILE`.
   */
  engine: 'native' | 'streams';
}
