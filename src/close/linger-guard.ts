// Keeps SO_LINGER > 0 from blocking the event loop: destroy() of such a socket closes a duplicate in the background.
import type { Socket } from 'node:net';
import { isMainThread } from '../core/builtin.ts';
import { holdDescriptor, releaseDescriptor, startLinger } from '../engine/linger-loop.ts';
import { findDescriptor, hasHandle, isAccepted } from '../socket/descriptor.ts';
import { destroyAsNode, hold, isHeld, isResetting, letGo } from '../socket/ownership.ts';
import { resetSocket, switchLingerOff } from '../socket/reset.ts';
import { isTls } from '../socket/tls.ts';

interface Guard {
  /**
   * A duplicate, so that a close of the socket is not the last one of the connection; -1 for none. It is needed where
   * the socket can be closed without its `destroy` method: `terminate()` of a Worker calls no JavaScript, and for a TLS
   * socket the connection under TLS may be destroyed.
   */
  duplicate: number;
  onClose: () => void;
}

const guards = new Map<Socket, Guard>();

const PRUNE_AT = 64;
let pruneAt = PRUNE_AT;

const noListener = { lingerEnded() {} };

let clearsOnExit = false;

/** Makes `destroy()` return at once: the addon then waits until everything is acknowledged, `seconds` at most. */
export function keepFromBlocking(socket: Socket, fd: number, seconds: number): void {
  // A safeClose() under way switches the option off itself. A UNIX socket, which has no address, closes without a wait.
  if (isHeld(socket) || socket.localAddress === undefined) return;

  const hidden = !isMainThread() || isTls(socket);
  const guard: Guard = { duplicate: hidden ? holdDescriptor(fd) : -1, onClose: () => dropGuard(socket) };
  if (guards.size >= pruneAt) prune();
  guards.set(socket, guard);
  socket.once('close', guard.onClose);
  hold(socket, (error) => {
    const limits = {
      until: 'delivered',
      idleTimeout: Infinity,
      timeout: seconds * 1_000,
      minRate: Infinity,
      maxBytes: Infinity,
      ref: true,
    } as const;
    // A duplicate would hold the RST back.
    if (isResetting(socket)) {
      dropGuard(socket);
      resetSocket(socket);
      return;
    }
    // Without a duplicate (EMFILE) the kernel delivers in the background. That is better than a blocked event loop.
    startLinger(findDescriptor(socket), false, isAccepted(socket), limits, noListener);
    switchLingerOff(socket);
    // Not at 'close': the application may have removed that listener, and the duplicate would stay open.
    dropGuard(socket);
    destroyAsNode(socket, error);
  });
  if (clearsOnExit) return;
  clearsOnExit = true;
  // When a process comes to its natural end Node closes the sockets that are still open, and that would block as well.
  process.on('exit', () => {
    for (const guarded of guards.keys()) switchLingerOff(guarded);
  });
}

/** Forgets sockets that were sent to another process: they are never closed in this one. */
function prune(): void {
  for (const guarded of guards.keys()) if (!hasHandle(guarded)) dropGuard(guarded);
  pruneAt = Math.max(PRUNE_AT, 2 * guards.size);
}

/**
 * Whether a close of this package is under way: it holds the socket, and the holder is not the guard of {@link
 * setLinger}.
 */
export function isClosing(socket: Socket): boolean {
  return isHeld(socket) && !guards.has(socket);
}

/**
 * Undoes {@link keepFromBlocking}, for a socket that is closed, or that is about to be closed in another way. SO_LINGER
 * stays as it is.
 */
export function dropGuard(socket: Socket): void {
  const guard = guards.get(socket);
  if (!guard) return;
  guards.delete(socket);
  socket.removeListener('close', guard.onClose);
  letGo(socket);
  releaseDescriptor(guard.duplicate);
}
