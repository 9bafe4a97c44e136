// RST on purpose, and what was unacknowledged by then.

import type { Socket } from 'node:net';
import { addon } from '../system/addon.ts';
import { findDescriptor } from './descriptor.ts';
import { destroyNow, letGo } from './ownership.ts';

/** SO_LINGER off, so that a close of the socket waits for nothing. */
export function switchLingerOff(socket: Socket): void {
  addon?.setLinger(findDescriptor(socket), -1);
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
  letGo(socket);
  const finOnItsWay = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  try {
    if (!finOnItsWay) socket.resetAndDestroy();
  } catch {
    // ERR_INVALID_HANDLE_TYPE: no TCP handle of its own.
  }
  socket.destroy();
}
