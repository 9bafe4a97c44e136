// How far the output of a socket has come.

import type { Socket } from 'node:net';
import { checked } from '../core/errors.ts';
import { addon, requireAddon } from '../system/addon.ts';
import type { SocketLike } from './descriptor.ts';
import { descriptorOf, findDescriptor, isTcp, writeQueueSize } from './descriptor.ts';

/** When nothing is written any more, two marks only differ if output has moved on between them. */
export function outputMark(socket: Socket): string {
  const unacked = addon ? addon.unackedBytes(findDescriptor(socket), 1) : 0;
  return `${socket.writableLength} ${writeQueueSize(socket)} ${unacked}`;
}

/**
 * Bytes in the kernel's receive queue: what a `close()` at this moment would leave unread, and so answer with RST.
 *
 * It does not count what libuv, a stream or the HTTP parser has read already; those bytes cause no RST. An EOF that is waiting counts 0.
 *
 * @param socket a socket of Node, or a raw descriptor of a socket
 * @returns bytes, >= 0
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`; `ERR_SOCKET_CLOSED`, `ERR_INVALID_STATE`,
 * `ERR_INVALID_HANDLE_TYPE` for a socket without a descriptor; a {@link SocketError} (`EBADF`, `ENOTSOCK`; `EINVAL` for a listening socket); `ERR_ADDON_UNAVAILABLE`, `ERR_UNSUPPORTED_PLATFORM`
 *
 * Platforms: Linux, macOS. Source: tcp(7) and unix(7), SIOCINQ / FIONREAD; `tcp_ioctl` in Linux.
 */
export function pendingBytes(socket: SocketLike): number {
  const fd = descriptorOf(socket);
  return checked(requireAddon('pendingBytes').pendingBytes(fd, Number(isTcp(socket))), 'ioctl');
}

/**
 * Bytes written that the peer's TCP has not acknowledged, our FIN counting as one. 0 means that the peer's TCP has them all, not that its application
 * has read them.
 *
 * It counts what has reached the kernel; what Node still holds is in `socket.writableLength`, where a write that the kernel took in part counts
 * whole. On a UNIX socket it is buffer memory, a little more than the bytes, and 0 means that the peer has read them.
 *
 * @param socket a socket of Node, or a raw descriptor of a socket
 * @returns bytes, >= 0
 * @throws as {@link pendingBytes}; `ENOTTY` or `EOPNOTSUPP` for a socket family without such a queue
 *
 * Platforms: Linux (SIOCOUTQ), macOS (SO_NWRITE, which leaves out the FIN). Source: tcp(7) and unix(7), SIOCOUTQ; `tcp_ioctl` in Linux.
 */
export function unackedBytes(socket: SocketLike): number {
  const fd = descriptorOf(socket);
  return checked(requireAddon('unackedBytes').unackedBytes(fd, Number(isTcp(socket))), 'ioctl');
}

/** As {@link pendingBytes}; 0 where nobody can tell. */
export function pendingBytesOf(socket: Socket): number {
  return addon ? Math.max(addon.pendingBytes(findDescriptor(socket), 1), 0) : 0;
}

/** As {@link pendingBytes}; null where that cannot be known. */
export function readPending(socket: Socket): number | null {
  const pending = addon?.pendingBytes(findDescriptor(socket), 1) ?? -1;
  return pending < 0 ? null : pending;
}

/** Bytes that the peer has not acknowledged; null where nobody can tell. */
export function readUnacked(fd: number): number | null {
  const unacked = addon?.unackedBytes(fd, 1) ?? -1;
  return unacked < 0 ? null : unacked;
}
