// send(): a write that goes straight to the kernel.

import { Socket } from 'node:net';
import { constants } from 'node:os';
import { types } from 'node:util';
import { checked, codedError, invalidArgType } from '../core/errors.ts';
import { requireAddon } from '../system/addon.ts';
import type { SocketLike } from './descriptor.ts';
import { descriptorOf } from './descriptor.ts';
import { isTls } from './tls.ts';

const EAGAIN = -constants.errno.EAGAIN;

/**
 * Sends bytes at once, by one `send(2)` with `MSG_NOSIGNAL | MSG_DONTWAIT`. The call never waits, and never raises
 * SIGPIPE, whatever its disposition. It is meant for last words on a raw descriptor, or before a reset; for ordinary
 * output use `socket.write()`.
 *
 * The bytes go past Node's own queue and past TLS. The call is refused where that would mix up the order of bytes or
 * break the encryption. `socket.bytesWritten` does not include them.
 *
 * @param socket a socket of Node without pending output, or a raw descriptor
 * @param data bytes to send, in a `Buffer` or another Uint8Array
 * @returns how many bytes the kernel took: fewer than given when the send buffer is nearly full, 0 when it is full
 * (EAGAIN)
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (a Proxy), `ERR_OUT_OF_RANGE`; `ERR_INVALID_STATE` before the
 * socket is connected, while `socket.writableLength > 0`, and on a TLS socket; `ERR_STREAM_WRITE_AFTER_END` after
 * `socket.end()`; `ERR_SOCKET_CLOSED`; `ERR_INVALID_HANDLE_TYPE` for a socket without a descriptor; a
 * {@link SocketError} (`EPIPE`, `ECONNRESET`, `EBADF`, `ENOTSOCK`, and the others of send(2)). Without the addon
 * `ERR_ADDON_UNAVAILABLE`, or `ERR_UNSUPPORTED_PLATFORM` where the platform has none
 *
 * Platforms: Linux; macOS, where SO_NOSIGPIPE is set on the socket instead. Source: send(2).
 */
export function send(socket: SocketLike, data: Uint8Array): number {
  const fd = descriptorOf(socket);
  if (!types.isUint8Array(data)) throw invalidArgType('data', 'an instance of Uint8Array', data);
  if (socket instanceof Socket) {
    if (isTls(socket))
      throw codedError(
        Error,
        'ERR_INVALID_STATE',
        'Invalid state: send() would by-pass the encryption of a TLS socket',
      );
    if (socket.writableEnded) throw codedError(Error, 'ERR_STREAM_WRITE_AFTER_END', 'write after end');
    if (socket.writableLength > 0) {
      throw codedError(
        Error,
        'ERR_INVALID_STATE',
        `Invalid state: the socket still holds ${socket.writableLength} bytes of earlier writes`,
      );
    }
  }
  const sent = requireAddon('send').send(fd, data);
  return sent === EAGAIN ? 0 : checked(sent, 'send');
}
