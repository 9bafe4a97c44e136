// Takes over a raw descriptor. It must be a connection, and belong to no Socket or Server of this thread.

import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { checked, codedError, SocketError } from '../core/errors.ts';
import { checkTakeover, engine } from '../engine/linger-loop.ts';

const OWNED = 'belongs to a Socket or Server of this thread: pass the Socket';

/**
 * Takes over a descriptor, for a close.
 * @returns without the addon a Socket over the descriptor, which is what lingers then
 * @throws `ERR_INVALID_STATE`, or a {@link SocketError}: `EBADF`, `ENOTSOCK`, `EPROTOTYPE`
 */
export function claimDescriptor(fd: number): Socket | undefined {
  if (engine === 'streams') return adopt(fd);
  const result = checked(checkTakeover(fd), 'getsockopt');
  if (result !== 0) throw notForTaking(fd, result === 1 ? 'is a listening socket' : OWNED);
  return undefined;
}

function notForTaking(fd: number, why: string): Error {
  return codedError(Error, 'ERR_INVALID_STATE', `Invalid state: descriptor ${fd} ${why}`);
}

function adopt(fd: number): Socket {
  let isSocket: boolean;
  try {
    isSocket = fstatSync(fd).isSocket();
  } catch (error) {
    throw SocketError.from(error as NodeJS.ErrnoException);
  }
  if (!isSocket) throw new SocketError('getsockopt', -constants.errno.ENOTSOCK);
  try {
    return new Socket({ fd, allowHalfOpen: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw notForTaking(fd, OWNED);
    if (code === 'ERR_INVALID_FD_TYPE') throw new SocketError('getsockopt', -constants.errno.EPROTOTYPE);
    throw error;
  }
}
