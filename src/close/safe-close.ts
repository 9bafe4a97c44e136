// safeClose(): checks the arguments, and makes sure that each connection has one close.

import type { Socket } from 'node:net';
import { own } from '../socket/copies.ts';
import type { SocketLike } from '../socket/descriptor.ts';
import { validateExtensible, validateSocketLike } from '../socket/descriptor.ts';
import { closeOf, otherCopyOf, ownerOf } from '../socket/ownership.ts';
import type { CloseReport } from './close-report.ts';
import { ConnectionClose } from './connection-close.ts';
import { claimDescriptor } from './raw-descriptor.ts';
import type { CheckedOptions, SafeCloseOptions } from './safe-close-options.ts';
import { checkOptions } from './safe-close-options.ts';

const byDescriptor = new Map<number, ConnectionClose>();

/**
 * Closes a connection so that the peer gets what was written to it: flush, FIN, then a **lingering close**, which
 * discards what the peer still sends, until the peer has closed its side. After a plain close with unread data in the
 * receive queue the kernel sends RST instead of FIN: unsent output is lost, the next write of the peer fails (EPIPE,
 * ECONNRESET), and the peer may lose what it has received and not read.
 *
 * After the call the application gets no more data of this socket. When output is flushed the `net.Socket` is destroyed
 * ('close' is emitted as usual). A duplicate of its descriptor lingers: a few hundred bytes for each connection, and no
 * JavaScript runs for it.
 *
 * For HTTP/1 pass `request.socket`, right after `response.end()`. What the response gets after this call is lost, and
 * `delivered` does not count it. With HTTP/2 no request has a socket of its own.
 *
 * A raw descriptor is taken over: it must be a connected stream socket that nothing else reads. When the promise
 * settles the descriptor is closed, and its number is no longer yours.
 *
 * A second call for the same socket returns the first promise; with `mode: 'reset'` it also cuts the close short. For a
 * socket that is destroyed, or not connected yet, the promise resolves with `'closed'`, and the socket is destroyed.
 *
 * @param socket a socket of Node (TCP, TLS, UNIX), or a raw descriptor
 * @param options see {@link SafeCloseOptions}; times are milliseconds. A name that is no option and a time under 100 ms
 * are no errors, but each gets a process warning, once (`LINGERING_CLOSE_OPTION`, `LINGERING_CLOSE_UNIT`)
 * @returns resolves with a {@link CloseReport}, always; never rejects because of what a peer does
 * @throws before anything is touched: `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (an unknown `mode` or `until`; a
 * Proxy, such as the socket of HTTP/2; a socket that is not extensible), `ERR_OUT_OF_RANGE`; for a raw descriptor also
 * `ERR_INVALID_STATE` (it listens, or belongs to a Socket of this thread: pass the Socket) and a {@link SocketError}
 * (`EBADF`, `ENOTSOCK`, `EPROTOTYPE`)
 *
 * Platforms: Linux natively; all others, and Linux without the addon, through Node's streams, where a raw descriptor
 * that listens, or that belongs to a paused Socket, is not told apart. Source: RFC 1122 4.2.2.13, RFC 2525 2.17;
 * `tcp_close` in Linux; the algorithm is that of nginx's lingering_close.
 */
export function safeClose(socket: SocketLike, options?: SafeCloseOptions): Promise<CloseReport> {
  validateSocketLike(socket);
  validateExtensible(socket);
  const other = typeof socket === 'number' ? undefined : otherCopyOf(socket);
  if (other) return other.safeClose(socket, options) as Promise<CloseReport>;
  const checkedOptions = checkOptions(options);
  const known = typeof socket === 'number' ? byDescriptor.get(socket) : closeOf(socket);
  // A Socket can be connected a second time. It is then another connection, with a close of its own.
  const same = typeof socket === 'number' || socket.destroyed || known?.holdsSocket;
  if (known && same) {
    if (checkedOptions.mode === 'reset') known.cut('reset');
    return known.promise as Promise<CloseReport>;
  }
  return typeof socket === 'number' ? closeDescriptor(socket, checkedOptions) : closeSocket(socket, checkedOptions);
}

own.safeClose = safeClose;

function closeSocket(socket: Socket, options: CheckedOptions): Promise<CloseReport> {
  const closing = new ConnectionClose();
  ownerOf(socket)?.onApplicationClose(closing);
  try {
    closing.start(socket, options);
  } catch (error) {
    // A listener or an overridden method of the application has thrown. The promise must settle all the same.
    closing.fail(socket, error as Error);
  }
  return closing.promise;
}

function closeDescriptor(fd: number, options: CheckedOptions): Promise<CloseReport> {
  const adopted = claimDescriptor(fd);
  const closing = new ConnectionClose(() => byDescriptor.delete(fd));
  byDescriptor.set(fd, closing);
  try {
    if (adopted) closing.start(adopted, options);
    else closing.startRaw(fd, options);
  } catch (error) {
    // The signal of the application has thrown.
    if (adopted) closing.fail(adopted, error as Error);
    else closing.failRaw(fd, error as Error);
  }
  return closing.promise;
}
