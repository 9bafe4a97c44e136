// The options of closeServer: defaults, and the errors for what is not one.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { checkAbortSignal, checkLimit, checkObject } from '../core/checks.ts';
import { invalidArgType } from '../core/errors.ts';

export interface CloseServerOptions {
  /**
   * Milliseconds for which the server goes on listening, and tells each client in its next response that the connection
   * ends (`Connection: close`; HTTP/2: GOAWAY). In this time load balancers turn away, so that no client finds a closed
   * port. Default 0; on Kubernetes some 5,000.
   */
  drainDelay?: number | undefined;
  /**
   * Milliseconds from the end of `drainDelay`, in which requests in flight may finish and be delivered. Default 10,000;
   * `Infinity` for no limit.
   */
  timeout?: number | undefined;
  /** Milliseconds that connections may go on lingering after `timeout`. Default 2,000, as in Apache
   * for a process that is ending. */
  lingerTimeout?: number | undefined;
  /** Abort resets everything that is still open at once; the promise then resolves. */
  signal?: AbortSignal | undefined;
  /**
   * Called when listening stops, once for each open connection whose protocol is the application's own: an upgraded
   * connection (WebSocket), and any connection of a net or tls server. The function ends the protocol there (a
   * WebSocket's close frame, `socket.end()`). `timeout` holds for these connections too. What the function throws
   * becomes a process warning.
   */
  goodbye?: ((socket: Socket | TLSSocket) => void) | undefined;
}

export interface CheckedCloseServerOptions {
  drainDelay: number;
  timeout: number;
  lingerTimeout: number;
  signal: AbortSignal | undefined;
  goodbye: CloseServerOptions['goodbye'];
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`. */
export function checkCloseServerOptions(options: CloseServerOptions = {}): CheckedCloseServerOptions {
  checkObject('options', options);
  const { drainDelay = 0, timeout = 10_000, lingerTimeout = 2_000, signal, goodbye } = options;
  checkLimit('options.drainDelay', drainDelay);
  checkLimit('options.timeout', timeout);
  checkLimit('options.lingerTimeout', lingerTimeout);
  checkAbortSignal('options.signal', signal);
  if (goodbye !== undefined && typeof goodbye !== 'function')
    throw invalidArgType('options.goodbye', 'of type function', goodbye);
  return { drainDelay, timeout, lingerTimeout, signal, goodbye };
}
