// setLinger() and getLinger(): SO_LINGER, without its blocking close.
import { checked, invalidArgType, outOfRange } from '../core/errors.ts';
import { warnOfMilliseconds } from '../core/option-warnings.ts';
import { engine } from '../engine/linger-loop.ts';
import { own } from '../socket/copies.ts';
import type { SocketLike } from '../socket/descriptor.ts';
import { descriptorOf, validatedDescriptorOf, validateExtensible, validateSocketLike } from '../socket/descriptor.ts';
import { otherCopyOf, skipOwner } from '../socket/ownership.ts';
import { addon, requireAddon } from '../system/addon.ts';
import { dropGuard, keepFromBlocking } from './linger-guard.ts';

/** SO_LINGER in its own unit, whole seconds. 0: RST on close. `false`: off. */
export type Linger = number | false;

/**
 * Sets SO_LINGER, in whole **seconds**, the option's own unit.
 *
 * - `false`, the default of every socket: close returns at once, and the kernel goes on to deliver the output.
 * - `0`: close discards unsent output and sends RST, also on a server with {@link lingerOnClose}.
 * - `n > 0`: close waits until everything is acknowledged, `n` seconds at most. The kernel does that by **blocking the
 *   thread in `close(2)`, also on a non-blocking socket**. For a socket of Node this package therefore waits in the
 *   background: `socket.destroy()` returns at once, and 'close' is emitted as usual. The connection is closed when
 *   everything is acknowledged, or after `n` seconds. In the second case the kernel goes on to deliver the output, as
 *   it does after a blocking close that ran out of time. In a Worker, and on a TLS socket, this takes a second
 *   descriptor until the socket is closed. For a raw descriptor the caller's `close(2)` blocks.
 *
 * A fraction is refused: rounded down, it would turn "wait" into "abort". On a UNIX socket the option is stored and has
 * no effect. This function sets the plain option; for a close that does not reset the peer use {@link safeClose}.
 *
 * @param socket a connected socket of Node, or a raw descriptor
 * @param linger seconds, an integer from 0 to 65,535 (macOS: 327), or `false`. From 500 on a process warning asks once
 * whether milliseconds were meant (`LINGERING_CLOSE_UNIT`)
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (a Proxy; with `n > 0` also a socket that is not extensible),
 * `ERR_OUT_OF_RANGE`; `ERR_SOCKET_CLOSED`; `ERR_INVALID_STATE` before it is connected; `ERR_INVALID_HANDLE_TYPE` for a
 * socket without a descriptor; a {@link SocketError} (`EBADF`, `ENOTSOCK`). Without the addon `ERR_ADDON_UNAVAILABLE`,
 * or `ERR_UNSUPPORTED_PLATFORM` where the platform has none
 *
 * Platforms: Linux; macOS (SO_LINGER_SEC, and `destroy()` may block there for `n > 0`). Source: socket(7), SO_LINGER;
 * `tcp_close` in Linux.
 */
export function setLinger(socket: SocketLike, linger: Linger): void {
  validateSocketLike(socket);
  if (linger !== false && typeof linger !== 'number')
    throw invalidArgType('linger', 'of type number, or false', linger);
  const maximum = addon?.maxLingerSeconds ?? 65_535;
  if (linger !== false && !(Number.isInteger(linger) && linger >= 0 && linger <= maximum)) {
    throw outOfRange('linger', `false or an integer >= 0 && <= ${maximum}`, linger);
  }
  if (linger) validateExtensible(socket);
  if (linger) warnOfMilliseconds('linger', linger);
  const other = typeof socket === 'number' ? undefined : otherCopyOf(socket);
  if (other) {
    other.setLinger(socket, linger);
    return;
  }
  const fd = validatedDescriptorOf(socket);
  const { setLinger } = requireAddon('setLinger');
  if (typeof socket !== 'number') dropGuard(socket);
  checked(setLinger(fd, linger === false ? -1 : linger), 'setsockopt');
  if (typeof socket === 'number') return;
  // With 0 destroy() must be Node's own: a lingering close would switch the option off.
  skipOwner(socket, linger === 0);
  if (linger && engine === 'native') keepFromBlocking(socket, fd, linger);
}

own.setLinger = setLinger;

/**
 * Reads SO_LINGER.
 *
 * @param socket a connected socket of Node, or a raw descriptor
 * @returns whole seconds, or `false` where the option is off
 * @throws as {@link setLinger}, except for errors about `linger`
 *
 * Platforms: Linux, macOS. Source: socket(7), SO_LINGER.
 */
export function getLinger(socket: SocketLike): Linger {
  const fd = descriptorOf(socket);
  const seconds = checked(requireAddon('getLinger').getLinger(fd), 'getsockopt') - 1;
  return seconds < 0 ? false : seconds;
}
