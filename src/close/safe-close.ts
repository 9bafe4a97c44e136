// safeClose: the arguments, and one close for each connection.

import type { Socket } from 'node:net';
import { own } from '../socket/copies.ts';
import type { SocketLike } from '../socket/descriptor.ts';
import { validateExtensible, validateSocketLike } from '../socket/descriptor.ts';
import { defineHidden, otherCopyOf, ownerOf } from '../socket/ownership.ts';
import type { CloseReport } from './close-report.ts';
import { ConnectionClose } from './connection-close.ts';
import { claimDescriptor } from './raw-descriptor.ts';
import type { CheckedOptions, SafeCloseOptions } from './safe-close-options.ts';
import { checkOptions } from './safe-close-options.ts';

const CLOSING = Symbol('lingering-close.closing');
const byDescriptor = new Map<number, ConnectionClose>();

/**
 * Closes a connection so that the peer gets what was written to it: flush, FIN, then a **lingering close**, which discards what the peer still sends until it has
 * closed its side. A plain close with unread data in the receive queue makes the kernel send RST instead: what was not sent yet is lost, the peer's next
 * write fails (EPIPE, ECONNRESET), and a peer may throw away what it had not read.
 *
 * From the call on the application is given no more data of this socket. When output is flushed the `net.Socket` is destroyed ('close' is emitted as
 * ever) and a duplicate of its descriptor lingers, at a few hundred bytes a connection, and no JavaScript runs for it.
 *
 * For HTTP/1 pass `request.socket`, right behind `response.end()`: what the response has not been given by then is lost, and `delivered` does not count it.
 * HTTP/2 has no socket of a request's own.
 *
 * A raw descriptor is taken over: it must be a connected stream socket that nothing else reads, and once the promise settles its number is no longer yours.
 *
 * A second call for the same socket gives the first promise; with `mode: 'reset'` it also cuts the close short. On a socket that is destroyed, or not
 * connected yet, it resolves with `'closed'` (and destroys it).
 *
 * @param socket a socket of Node (TCP, TLS, UNIX), or a raw descriptor
 * @param options see {@link SafeCloseOptions}; times are milliseconds
 * @returns resolves with a {@link CloseReport}, always; never rejects for what a peer does
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`; for a raw descriptor also `ERR_INVALID_STATE` (it
 * listens, or belongs to a Socket of this thread: pass the Socket) and a {@link SocketError} (`EBADF`, `ENOTSOCK`, `EPROTOTYPE`)
 *
 * Platforms: Linux natively; everywhere else through Node's streams. Source: RFC 1122 4.2.2.13, RFC 2525 2.17; `tcp_close` in Linux; the algorithm is nginx's
 * lingering_close.
 */
export function safeClose(socket: SocketLike, options?: SafeCloseOptions): Promise<CloseReport> {
  validateSocketLike(socket);
  validateExtensible(socket);
  const other = typeof socket === 'number' ? undefined : otherCopyOf(socket);
  if (other) return other.safeClose(socket, options) as Promise<CloseReport>;
  const checkedOptions = checkOptions(options);
  const known =
    typeof socket === 'number' ? byDescriptor.get(socket) : (socket as { [CLOSING]?: ConnectionClose })[CLOSING];
  // A Socket may be connected anew, and is then another connection.
  const same = typeof socket === 'number' || socket.destroyed || known?.holdsSocket;
  if (known && same) {
    if (checkedOptions.mode === 'reset') known.cut('reset');
    return known.promise;
  }
  return typeof socket === 'number' ? closeDescriptor(socket, checkedOptions) : closeSocket(socket, checkedOptions);
}

own.safeClose = safeClose;

function closeSocket(socket: Socket, options: CheckedOptions): Promise<CloseReport> {
  const closing = new ConnectionClose();
  defineHidden(socket, CLOSING, closing);
  ownerOf(socket)?.onApplicationClose(closing);
  try {
    closing.start(socket, options);
  } catch (error) {
    // A listener or an overridden method of the application: the promise must settle all the same.
    closing.fail(socket, error as Error);
  }
  return closing.promise;
}

function closeDescriptor(fd: number, options: CheckedOptions): Promise<CloseReport> {
  const adopted = claimDescriptor(fd);
  const closing = new ConnectionClose(() => byDescriptor.delete(fd));
  byDescriptor.set(fd, closing);
  if (adopted) closing.start(adopted, options);
  else closing.startRaw(fd, options);
  return closing.promise;
}
