// Whether a connection that its server is about to close needs a linger.

import type { Socket } from 'node:net';
import { callbackWarning } from '../core/callback-warning.ts';
import { isInputError, isRefusedWrite } from '../core/error-kinds.ts';
import { warnOfUnknownOptions } from '../core/option-warnings.ts';
import { runtime } from '../core/runtime.ts';
import { writeQueueSize } from '../socket/descriptor.ts';
import { pendingBytesOf } from '../socket/queues.ts';
import { bareSocketOf, isTls } from '../socket/tls.ts';
import { isAborted, isAnsweredByHttp2 } from './http2-sessions.ts';
import type { CheckedChoice, CheckedServerOptions } from './linger-on-close-options.ts';
import { checkChoice } from './linger-on-close-options.ts';
import type { Parser } from './unread-input.ts';

export function askHook(options: CheckedServerOptions, socket: Socket): CheckedChoice | undefined {
  try {
    const choice = options.choose?.(socket);
    if (choice === false) return undefined;
    if (typeof choice !== 'object' || choice === null) return options;
    // As everywhere, an option that is undefined is not given: then that of the server holds.
    const given = Object.fromEntries(Object.entries(choice).filter(([, value]) => value !== undefined));
    const checked = checkChoice({ ...options, ...given }, options.when);
    warnOfUnknownOptions('what the choose function of lingerOnClose() returns', choice, checked);
    return checked;
  } catch (error) {
    callbackWarning('choose', 'lingerOnClose', error);
    return options;
  }
}

/**
 * Whether `destroy()` means to break the connection off: it has an error of the application or of the connection, or it
 * throws away output that the peer does not take. The error of a write behind end() does not count: the peer still gets
 * what was written before.
 *
 * @param socket the socket that the application knows: a TLSSocket where there is TLS
 * @param bare the connection itself
 */
export function isHardClose(socket: Socket, bare: Socket, error: Error | undefined): boolean {
  // Node destroys the connection under a TLSSocket without the error of the TLSSocket.
  const cause: NodeJS.ErrnoException | null | undefined = error ?? socket.errored;
  if (isAborted(socket)) return true;
  if (cause && !isAnsweredByNode(cause) && !isRefusedWrite(cause)) return true;
  // A TLSSocket counts its last write until the next turn of the event loop, so the queue of the connection is asked.
  if (isTls(socket)) return writeQueueSize(bareSocketOf(socket) ?? bare) > 0;
  return socket.writableLength > 0;
}

/** With these errors Node has told the peer why (400, 408, 413, 431; GOAWAY) before it destroys the socket. */
function isAnsweredByNode(error: NodeJS.ErrnoException): boolean {
  return isInputError(error) || isAnsweredByHttp2(error);
}

/** Whether a close may meet unread data, now or later. If not, a plain close sends FIN. */
export function mayReset(socket: Socket, bare: Socket, when: 'needed' | 'always', error: Error | undefined): boolean {
  // EOF comes behind the last byte, so everything is read. (Under TLS, 'end' may be close_notify, with more behind it.)
  if (socket.readableEnded && !isTls(socket)) return false;
  if (when === 'always') return true;
  // The parser of Node is asked, so that a request costs nothing. Without a parser (an upgrade, a net server) it is
  // unknown what the peer still sends.
  const { parser } = socket as { parser?: Parser | null };
  if (!parser) return true;
  if (runtime) return parser.incoming?.complete === false || isInputError(error);
  return parser.incoming?.complete === false || isInputError(error) || hasGivenUp(socket) || pendingBytesOf(bare) > 0;
}

/** Node's own 'error' listener of HTTP connections: one function for all of them, found by its name the first time. */
let socketOnError: ((error: Error) => void) | undefined;

/**
 * Whether Node's HTTP server has given up on the input of this client and has called a 'clientError' listener, which
 * destroys the socket without an error. Node has then removed its own 'error' listener.
 */
function hasGivenUp(socket: Socket): boolean {
  // listeners() makes a copy, which costs two per cent of a connection that serves one request.
  if (socketOnError && socket.listenerCount('error', socketOnError) > 0) return false;
  const found = socket.listeners('error').find(({ name }) => name === 'socketOnError');
  socketOnError ??= found as typeof socketOnError;
  return !found;
}
