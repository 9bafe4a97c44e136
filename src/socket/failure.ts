// Why a socket ended.
import type { Socket } from 'node:net';

/** The error with which a socket ended. Undefined where it was closed: libuv then cancels its writes (ECANCELED). */
export function failureOf(socket: Socket): NodeJS.ErrnoException | undefined {
  const error: NodeJS.ErrnoException | null = socket.errored;
  return error && error.code !== 'ECANCELED' ? error : undefined;
}
