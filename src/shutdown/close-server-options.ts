// The options of closeServer: defaults, and the errors for what is not one.

import type { ServerResponse } from 'node:http';
import type { ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { checkAbortSignal, checkLimit, checkObject, checkTime } from '../core/checks.ts';
import { invalidArgType } from '../core/errors.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';

/** A response that is not ended: of HTTP/1, or the stream of an HTTP/2 request. */
export type InFlight = ServerResponse | ServerHttp2Stream;

/** The options of {@link closeServer}. Times are milliseconds. */
export interface CloseServerOptions {
  /**
   * Milliseconds for which the server goes on listening, and tells each client in its next response that the connection
   * ends (`Connection: close`; HTTP/2: GOAWAY). In this time load balancers turn away, so that no client finds a closed
   * port. Default 0; on Kubernetes some 5,000. Left out where the server does not listen.
   */
  drainDelay?: number | undefined;
  /**
   * Milliseconds from the end of `drainDelay`, in which requests in flight may finish and be delivered. Default 10,000;
   * `Infinity` for no limit.
   */
  timeout?: number | undefined;
  /**
   * Milliseconds that connections may go on lingering after `timeout`. Default 2,000, as in Apache for a process that
   * is ending; `Infinity` for no limit but those of the lingers.
   */
  lingerTimeout?: number | undefined;
  /**
   * Milliseconds that a connection between two requests must have been idle before it gets FIN, the time before the
   * call included. Default 250; four round trips where the client is so far away that they take longer, up to 2,000. A
   * client that uses its connection again and again has its next request on the way when FIN goes out: in this time the
   * request is answered, and the client is told. 0 switches both off, for tests.
   */
  settle?: number | undefined;
  /** An abort resets everything that is still open, and all that lingers, at once; the promise then resolves. */
  signal?: AbortSignal | undefined;
  /**
   * Called when listening stops, once for each open connection whose protocol is the application's own: an upgraded
   * connection (WebSocket), and any connection of a net or tls server. One that is upgraded or accepted late gets it
   * within a second. The function ends the protocol there (a WebSocket's close frame, `socket.end()`). `timeout` holds
   * for these connections too. What the function throws, or rejects with, becomes a process warning
   * (`LINGERING_CLOSE_CALLBACK`); a promise is not waited for. Default none: they are left alone until `timeout`.
   */
  goodbye?: ((socket: Socket | TLSSocket) => unknown) | undefined;
  /**
   * Called when listening stops, once for each response that is not ended, and later for those that a client asks for
   * until its connection ends (within a second). The function ends those that have no end of their own: server-sent
   * events, long polls, a feed. It leaves the others alone: they finish. It gets the `ServerResponse`, and for HTTP/2
   * the `ServerHttp2Stream`, with every Node.js that has the list of them. What the function throws, or rejects with,
   * becomes a process warning (`LINGERING_CLOSE_CALLBACK`); a promise is not waited for.
   */
  goodbyeResponse?: ((response: InFlight) => unknown) | undefined;
}

export interface CheckedCloseServerOptions {
  drainDelay: number;
  timeout: number;
  lingerTimeout: number;
  settle: number;
  signal: AbortSignal | undefined;
  goodbye: CloseServerOptions['goodbye'];
  goodbyeResponse: CloseServerOptions['goodbyeResponse'];
}

/** Throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`; warns of a name that is no option. */
export function checkCloseServerOptions(options: CloseServerOptions | undefined): CheckedCloseServerOptions {
  const checked = checkCloseServerValues(options);
  warnOfUnknownOptions('closeServer()', options, checked);
  return checked;
}

/** Does the same without the warning, for options that are more than these. */
export function checkCloseServerValues(options: CloseServerOptions = {}): CheckedCloseServerOptions {
  checkObject('options', options);
  const { drainDelay = 0, timeout = 10_000, lingerTimeout = 2_000, settle = 250 } = options;
  const { signal, goodbye, goodbyeResponse } = options;
  checkTime('options.drainDelay', drainDelay);
  checkTime('options.timeout', timeout);
  checkTime('options.lingerTimeout', lingerTimeout);
  checkLimit('options.settle', settle);
  checkAbortSignal('options.signal', signal);
  checkHook('options.goodbye', goodbye);
  checkHook('options.goodbyeResponse', goodbyeResponse);
  return { drainDelay, timeout, lingerTimeout, settle, signal, goodbye, goodbyeResponse };
}

export function checkHook(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') throw invalidArgType(name, 'of type function', value);
}
