// Closes of connections that have nothing to do: nothing to flush, and nothing unread. A shutdown closes thousands of
// them at once. A close of its own for each (its state, its address, its place in a list) would cost as much as the
// rest of the work.

import type { Socket } from 'node:net';
import { setImmediate } from '../core/time.ts';
import type { LingerEnd, LingerListener } from '../engine/linger-loop.ts';
import { BROKEN, endLingersOf, startLinger } from '../engine/linger-loop.ts';
import { findDescriptor, isAccepted } from '../socket/descriptor.ts';
import { destroyNow, isHeld } from '../socket/ownership.ts';
import { hasListeners } from './channels.ts';
import { lingerLimits } from './connection-close.ts';
import type { CheckedOptions } from './safe-close-options.ts';

export type QuietEnd = Pick<LingerEnd, 'outcome' | 'discardedBytes'>;

/** They have one listener, and none of them can be ended or asked alone. */
export class QuietCloses implements LingerListener {
  readonly #onEnd: (end: QuietEnd) => void;

  constructor(onEnd: (end: QuietEnd) => void) {
    this.#onEnd = onEnd;
  }

  /**
   * Sends FIN, and destroys the socket; `onEnd` is called later.
   * @returns false where nothing was done, because the connection needs a close of its own
   */
  close(socket: Socket, options: CheckedOptions): boolean {
    if (hasListeners() || options.signal || isHeld(socket)) return false;
    const id = startLinger(findDescriptor(socket), false, isAccepted(socket), lingerLimits(options), this);
    if (id < 0 && id !== BROKEN) return false;
    destroyNow(socket);
    if (id === BROKEN) setImmediate(() => this.#onEnd({ outcome: 'peer-reset', discardedBytes: 0 }));
    return true;
  }

  lingerEnded(end: LingerEnd): void {
    this.#onEnd(end);
  }

  /** Ends all of them. */
  cutAll(outcome: 'aborted' | 'timeout'): void {
    endLingersOf(this, outcome);
  }
}
