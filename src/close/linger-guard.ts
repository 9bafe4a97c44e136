import type { Socket } from 'node:net';
import { isMainThread } from 'node:worker_threads';
import { holdDescriptor, releaseDescriptor, startLinger } from '../engine/linger-loop.ts';
import { findDescriptor, isAccepted } from '../socket/descriptor.ts';
import { destroyNow, hold, isHeld, letGo } from '../socket/ownership.ts';
import { switchLingerOff } from '../socket/reset.ts';
import { isTls } from '../socket/tls.ts';

interface Guard {
  /**
   * Where the socket may be closed past its `destroy` method, a duplicate, so that this close is not the last one: `terminate()` of a Worker calls no
   * JavaScript, and under a TLS socket there may be another that is destroyed.
   */
  duplicate: number;
  onClose: () => void;
}

const guards = new Map<Socket, Guard>();

const nobody = { lingerEnded() {} };

let clearsOnExit = false;

export function keepFromBlocking(socket: Socket, fd: number, seconds: number): void {
  // A safeClose() under way takes the option off itself. A UNIX socket, which has no address, closes without waiting.
  if (isHeld(socket) || socket.localAddress === undefined) return;

  const hidden = !isMainThread || isTls(socket);
  const guard: Guard = { duplicate: hidden ? holdDescriptor(fd) : -1, onClose: () => dropGuard(socket) };
  guards.set(socket, guard);
  socket.once('close', guard.onClose);
  hold(socket, (error) => {
    const limits = {
      until: 'delivered',
      idleTimeout: Infinity,
      timeout: seconds * 1_000,
      maxBytes: Infinity,
      ref: true,
    } as const;
    // Core's resetAndDestroy() sets this and then calls destroy(): a duplicate would hold its RST back.
    const reset = (socket as { resetAndClosing?: boolean }).resetAndClosing === true;
    if (reset) dropGuard(socket);
    // Without a duplicate (EMFILE) the background close that SO_LINGER off means is still better than a blocked event loop.
    else if (startLinger(findDescriptor(socket), false, isAccepted(socket), limits, nobody) < 0)
      switchLingerOff(socket);
    destroyNow(socket, error);
  });
  if (clearsOnExit) return;
  clearsOnExit = true;
  // At a natural end Node closes what is still open, which would wait as well.
  process.on('exit', () => {
    for (const guarded of guards.keys()) switchLingerOff(guarded);
  });
}

/** Whether somebody has begun to close a socket: its `destroy` is not its own any more, and not for the sake of {@link setLinger}. */
export function isClosing(socket: Socket): boolean {
  return isHeld(socket) && !guards.has(socket);
}

/** Gives up what {@link setLinger} arranged for a socket: it is closed, or another close path takes over. The option stays as it is. */
export function dropGuard(socket: Socket): void {
  const guard = guards.get(socket);
  if (!guard) return;
  guards.delete(socket);
  socket.removeListener('close', guard.onClose);
  letGo(socket);
  releaseDescriptor(guard.duplicate);
}
