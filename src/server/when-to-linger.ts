// Whether a connection that its server is about to close should linger.

import type { Socket } from 'node:net';
import { callbackWarning } from '../core/callback-warning.ts';
import { isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { writeQueueSize } from '../socket/descriptor.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { bareSocketOf, isTls } from '../socket/tls.ts';
import type { CheckedChoice, CheckedServerOptions } from './linger-on-close-options.ts';
import { checkChoice } from './linger-on-close-options.ts';

export function askHook(options: CheckedServerOptions, socket: Socket): CheckedChoice | undefined {
  try {
    const choice = options.choose?.(socket);
    if (choice === false) return undefined;
    return typeof choice === 'object' && choice !== null
      ? checkChoice({ ...options, ...choice }, options.when)
      : options;
  } catch (error) {
    callbackWarning('choose', 'lingerOnClose', error);
    return options;
  }
}

/**
 * Whether `destroy()` is an order to break off: it came with an error of the application or the connection, by resetAndDestroy(), or with output in
 * the process that it throws away. The error of a write behind end() is no such order: what was written before is still the peer's to have.
 *
 * @param socket what the application knows: a TLSSocket, where there is TLS
 * @param bare the connection itself
 */
export function isHardClose(socket: Socket, bare: Socket, error: Error | undefined): boolean {
  if ((bare as { resetAndClosing?: boolean }).resetAndClosing) return true;
  // The connection under a TLSSocket is destroyed without the error of that one.
  const cause: NodeJS.ErrnoException | null | undefined = error ?? socket.errored;
  if (cause && !isAnsweredByNode(cause) && !isRefusedWrite(cause)) return true;
  // TLS counts what it has written until the next turn of the event loop: there only the connection's own queue can tell.
  if (isTls(socket)) return writeQueueSize(bareSocketOf(socket) ?? bare) > 0;
  return socket.writableLength > 0;
}

/** The errors for which Node has told the peer why (400, 408, 413, 431; GOAWAY), before it destroys the socket with them. */
function isAnsweredByNode(error: NodeJS.ErrnoException): boolean {
  return isInputError(error) || String(error.code).startsWith('ERR_HTTP2_');
}

interface Parser {
  incoming?: { complete: boolean } | null;
}

/** Whether a close may find unread data, now or later: if not, a plain close is FIN. */
export function mayReset(socket: Socket, bare: Socket, when: 'needed' | 'always', error: Error | undefined): boolean {
  // EOF is behind the last byte: whoever has read it has read everything. (Under TLS the 'end' may have been close_notify, with more behind it.)
  if (socket.readableEnded && !isTls(socket)) return false;
  if (when === 'always') return true;
  // Asked of Node's parser, so that a request costs nothing. Where it has let go of the socket (an upgrade), or there is none, nobody can tell what the peer has to say.
  const { parser } = socket as { parser?: Parser | null };
  if (!parser) return true;
  return parser.incoming?.complete === false || isInputError(error) || hasGivenUp(socket) || pendingBytesOf(bare) > 0;
}

/** Node's own 'error' listener of an HTTP connection: one function for all of them, which is known by its name once, and from then on by itself. */
let socketOnError: ((error: Error) => void) | undefined;

/**
 * Whether Node's HTTP server has given up on what this client sends, and has left it to a 'clientError' listener, which destroys the socket without an error: it has then taken
 * its own 'error' listener away.
 */
function hasGivenUp(socket: Socket): boolean {
  // A copy of the listeners costs two per cent of a connection that serves one request.
  if (socketOnError && socket.listenerCount('error', socketOnError) > 0) return false;
  const found = socket.listeners('error').find(({ name }) => name === 'socketOnError');
  socketOnError ??= found as typeof socketOnError;
  return !found;
}
