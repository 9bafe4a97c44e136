// How much is in the queues of a socket: the kernel's, and for output also those of Node.

import type { Socket } from 'node:net';
import { checked } from '../core/errors.ts';
import { addon, requireAddon } from '../system/addon.ts';
import type { SocketLike } from './descriptor.ts';
import { descriptorOf, findDescriptor, isTcp, writeQueueSize } from './descriptor.ts';

/** A mark of how far the output has come. While nothing is written, two marks differ only if output has moved on. */
export function outputMark(socket: Socket): string {
  const unacked = addon ? addon.unackedBytes(findDescriptor(socket), 1) : 0;
  return `${socket.writableLength} ${writeQueueSize(socket)} ${unacked}`;
}

/**
 * Bytes in the kernel's receive queue. If it is not 0, a `close()` at this moment leaves unread data, and the kernel
 * sends RST.
 *
 * The number does not include what libuv, a stream or the HTTP parser has already read: those bytes cause no RST. An
 * EOF in the queue counts as 0. Over TLS, what is encrypted counts.
 *
 * @param socket a socket of Node, or a raw descriptor of a socket
 * @returns bytes, >= 0
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (a Proxy), `ERR_OUT_OF_RANGE`; `ERR_SOCKET_CLOSED`;
 * `ERR_INVALID_STATE` before it is connected; `ERR_INVALID_HANDLE_TYPE` for a socket without a descriptor; a
 * {@link SocketError} (`EBADF`, `ENOTSOCK`; `EINVAL` for a listening socket). Without the addon
 * `ERR_ADDON_UNAVAILABLE`, or `ERR_UNSUPPORTED_PLATFORM` where the platform has none
 *
 * Platforms: Linux, macOS. Source: tcp(7) and unix(7), SIOCINQ / FIONREAD; `tcp_ioctl` in Linux.
 */
export function pendingBytes(socket: SocketLike): number {
  const fd = descriptorOf(socket);
  return checked(requireAddon('pendingBytes').pendingBytes(fd, Number(isTcp(socket))), 'ioctl');
}

/**
 * Bytes written that the peer's TCP has not acknowledged; our FIN counts as one. 0 means that the peer's TCP has
 * everything, not that the peer's application has read it.
 *
 * The number includes only what has reached the kernel. What Node still holds is in `socket.writableLength`; a write of
 * which the kernel took a part is in there as a whole. On a UNIX socket the number is buffer memory, a little more than
 * the bytes, and 0 means that the peer has read everything, or has closed.
 *
 * @param socket a socket of Node, or a raw descriptor of a socket
 * @returns bytes, >= 0
 * @throws as {@link pendingBytes}; also `ENOTTY` or `EOPNOTSUPP` for a socket family that has no such count
 *
 * Platforms: Linux (SIOCOUTQ), macOS (SO_NWRITE, which does not count FIN). Source: tcp(7) and unix(7), SIOCOUTQ;
 * `tcp_ioctl` in Linux.
 */
export function unackedBytes(socket: SocketLike): number {
  const fd = descriptorOf(socket);
  return checked(requireAddon('unackedBytes').unackedBytes(fd, Number(isTcp(socket))), 'ioctl');
}

/** As {@link pendingBytes}, but never throws; 0 where it cannot be known. */
export function pendingBytesOf(socket: Socket): number {
  return addon ? Math.max(addon.pendingBytes(findDescriptor(socket), 1), 0) : 0;
}

/** As {@link pendingBytes}, but never throws; null where it cannot be known. */
export function readPending(socket: Socket): number | null {
  const pending = addon?.pendingBytes(findDescriptor(socket), 1) ?? -1;
  return pending < 0 ? null : pending;
}

/** As {@link unackedBytes}, but never throws; null where it cannot be known. */
export function readUnacked(fd: number): number | null {
  const unacked = addon?.unackedBytes(fd, 1) ?? -1;
  return unacked < 0 ? null : unacked;
}
