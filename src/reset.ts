// RST on purpose, and what was unacknowledged by then.
import type { Socket } from 'node:net';
import { findDescriptor } from './descriptor.ts';
import { destroyNow, releaseDestroy } from './destroy.ts';
import { addon } from './native.ts';

/** Bytes that the peer has not acknowledged; null where nobody can tell. */
export function readUnacked(fd: number): number | null {
  const unacked = addon?.unackedBytes(fd, 1) ?? -1;
  return unacked < 0 ? null : unacked;
}

/** Makes the next close of a descriptor a RST. */
export function resetOnClose(fd: number): void {
  addon?.setLinger(fd, 0);
}

/** Destroys a socket by RST. Without the addon that is in JavaScript's power on TCP only, and not while FIN is on its way. */
export function resetSocket(socket: Socket): void {
  const fd = findDescriptor(socket);
  // destroy(), and not core's resetAndDestroy(), which answers EINVAL and leaks the handle while FIN is on its way, and refuses TLS.
  if (addon && fd >= 0) {
    resetOnClose(fd);
    destroyNow(socket);
    return;
  }
  releaseDestroy(socket);
  const finOnItsWay = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  try {
    if (!finOnItsWay) socket.resetAndDestroy();
  } catch {
    // ERR_INVALID_HANDLE_TYPE: no TCP handle of its own.
  }
  socket.destroy();
}
