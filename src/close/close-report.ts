// What a close tells at its end.
import type { SocketError } from '../core/errors.ts';
import type { Outcome } from '../engine/linger-loop.ts';

/** How a close ended. */
export interface CloseReport {
  /**
   * - `'eof'`: the peer has closed its side, after all that we wrote was acknowledged
   * - `'delivered'`: everything is acknowledged (`until: 'delivered'`)
   * - `'drained'`: what had arrived was discarded (`mode: 'drain'`)
   * - `'reset'`: by us, as asked for
   * - `'peer-reset'`: by the peer
   * - `'idle'`, `'timeout'`, `'max-bytes'`: a limit was reached
   * - `'evicted'`: closed to make room for another linger, over the `maxLingering` of `lingerOnClose`
   * - `'aborted'`: by the AbortSignal
   * - `'closed'`: there was nothing to close, or somebody else destroyed the socket
   * - `'error'`: see `error`
   */
  outcome: Outcome;
  /**
   * Whether the peer's TCP acknowledged everything that we wrote, and our FIN. `null` where it cannot be known (streams
   * engine; a RST right behind our FIN; a socket that was gone before the call).
   */
  delivered: boolean | null;
  /** Bytes of the peer that were thrown away, from the call to the end. */
  discardedBytes: number;
  /** Bytes in the kernel that were not acknowledged at the end, FIN included; `null` where it cannot be known (streams engine; a socket that was gone). */
  unackedBytes: number | null;
  /** Milliseconds from the call to the end. */
  duration: number;
  /** What the kernel or the socket said, if that ended the close or changed its way (`EMFILE`: streams engine instead of native). */
  error?: SocketError;
  /** Which engine closed this one: `'streams'` also beside the addon, for TLS over a stream or after `EMFILE`. */
  engine: 'native' | 'streams';
}
