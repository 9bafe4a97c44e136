// deferWriteError: the arguments, and what each kind of target gets.

import type { Agent } from 'node:http';
import type { Socket } from 'node:net';
import { types } from 'node:util';
import { invalidArgType, invalidArgValue } from '../core/errors.ts';
import { runtime } from '../core/runtime.ts';
import { validateExtensible, validateSocketLike } from '../socket/descriptor.ts';
import type { UndiciConnector } from './agents.ts';
import { canGuard, guardAgent, guardConnector, hasGuard, isAgent } from './agents.ts';
import type { DeferWriteErrorOptions } from './defer-write-error-options.ts';
import { checkDeferOptions } from './defer-write-error-options.ts';
import { guardAllErrors } from './error-guard.ts';

/** What {@link deferWriteError} takes: a socket, an agent of node:http or node:https, or a connector of undici. */
export type DeferWriteErrorTarget = Socket | Agent | UndiciConnector;

/**
 * Makes a client read the answer that has arrived, before it is told that the connection is broken.
 *
 * A server may answer an upload early and reset the connection. The answer then lies in the client's receive queue, and
 * the client's next write fails (EPIPE, ECONNRESET). Node destroys the socket with that error, and throws the answer
 * away. With this function the error waits until the application has read what had arrived: to EOF, to an error of a
 * read, or until the queue is empty. Then
 *
 * - the error comes, if the answer is not whole: Node's own error object, in Node's order of events;
 * - the socket is destroyed without an error, if Node's HTTP client has read a whole answer. The request ends as it
 *   ends in Node where the answer was read before the write failed. The connection goes back to no pool.
 *
 * Where nothing has arrived, the error comes at once, as ever. Over TLS, and without the addon, it may come one or two
 * turns of the event loop later. An ECONNRESET of a read waits too, where the application has not yet read what Node
 * has. So does EOF, where undici is paused by a slow consumer: it would take a whole answer for one that is cut off.
 *
 * Nothing changes for a connection that does not fail. The process is not kept alive by the wait: when there is nothing
 * else to do, the error comes. `destroy()`, an aborted signal and the time-outs of a request end the wait.
 *
 * No prototype and no module of Node is patched. The socket gets methods of its own (`_write`, `_writev`, `destroy`,
 * over TLS `_emitTLSError`, and while an error waits, or with undici, `read` and `push`), an agent gets a
 * `createConnection` of its own. A second call for the same socket or agent changes its options.
 *
 * @param target a `net.Socket` or `tls.TLSSocket`, before it writes; an `http.Agent` or `https.Agent`, with the
 * connections that it has and those to come; or a connector of undici: `connect: deferWriteError(buildConnector({}))`
 * for its `Client`, `Pool` or `Agent`, which also serves `fetch(url, { dispatcher })`
 * @param options see {@link DeferWriteErrorOptions}; times are milliseconds. A name that is no option and a time under
 * 100 ms get a process warning, once (`LINGERING_CLOSE_OPTION`, `LINGERING_CLOSE_UNIT`)
 * @returns the target; for a connector a new function, which connects in the same way
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (a Proxy, such as the socket of
 * HTTP/2; a socket or an agent that is not extensible), `ERR_OUT_OF_RANGE`
 *
 * Platforms: Linux. Everywhere else it works by what JavaScript can see, untested on macOS and Windows. Under Bun and
 * Deno it changes nothing. Source: `tcp_reset` in Linux, which purges the write queue and keeps the receive queue.
 */
export function deferWriteError<Target extends DeferWriteErrorTarget>(
  target: Target,
  options?: DeferWriteErrorOptions,
): Target {
  const isConnector = typeof target === 'function';
  if (isAgent(target)) validateAgent(target);
  else if (!isConnector) validateSocket(target);
  const checked = checkDeferOptions(options);
  // Their sockets do not call the `_write` of an instance, or report its error in another way.
  if (runtime) return target;
  if (isConnector) return guardConnector(target as UndiciConnector, checked) as Target;
  if (isAgent(target)) guardAgent(target, checked);
  else guardAllErrors(target as Socket, checked);
  return target;
}

function validateAgent(agent: Agent): void {
  if (!canGuard(agent) && !hasGuard(agent))
    throw invalidArgValue('target', 'extensible: it gets a createConnection method of its own', agent);
}

function validateSocket(target: unknown): asserts target is Socket {
  // What HTTP/2 gives as a socket is a Proxy. It has its own message.
  if (typeof target !== 'object' || target === null || !(types.isProxy(target) || 'writableLength' in target)) {
    throw invalidArgType(
      'target',
      'an instance of net.Socket, tls.TLSSocket, http.Agent or https.Agent, or a connector of undici',
      target,
    );
  }
  validateSocketLike(target);
  validateExtensible(target);
}
