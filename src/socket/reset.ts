// Closing by RST on purpose, and its opposite.

import type { Socket } from 'node:net';
import { addon } from '../system/addon.ts';
import { findDescriptor } from './descriptor.ts';
import { destroyNow, isResetting, letGo, skipOwner } from './ownership.ts';

/** Switches SO_LINGER off: a close of the socket neither waits for its output nor discards it. */
export function switchLingerOff(socket: Socket): void {
  addon?.setLinger(findDescriptor(socket), -1);
}

/** Sets SO_LINGER {1, 0}: the last close of the connection sends RST. */
export function resetOnClose(fd: number): void {
  addon?.setLinger(fd, 0);
}

/** Destroys a socket by RST. Without the addon JavaScript can do that on TCP only, and not while FIN is being sent. */
export function resetSocket(socket: Socket): void {
  const fd = findDescriptor(socket);
  // Not Node's resetAndDestroy(): while FIN is being sent it fails with EINVAL and leaks the handle, and it refuses
  // TLS.
  (socket as { resetAndClosing?: boolean }).resetAndClosing &&= false;
  if (addon && fd >= 0) {
    resetOnClose(fd);
    destroyNow(socket);
    return;
  }
  letGo(socket);
  skipOwner(socket, true);
  const finPending = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished;
  try {
    if (!finPending) socket.resetAndDestroy();
  } catch {
    // ERR_INVALID_HANDLE_TYPE: the socket has no TCP handle of its own.
  }
  destroyNow(socket);
}

/** Does what a caught call of `destroy(error)` asks: RST for resetAndDestroy(), else the destroy of Node. */
export function obeyDestroy(socket: Socket, error: Error | undefined): void {
  if (isResetting(socket)) {
    resetSocket(socket);
    return;
  }
  switchLingerOff(socket);
  // Where the application has removed all 'error' listeners, only the report tells of the error.
  destroyNow(socket, socket.listenerCount('error') > 0 ? error : undefined);
}
