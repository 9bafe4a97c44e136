// How far the output of a socket has come.
import type { Socket } from 'node:net';
import { findDescriptor, writeQueueSize } from './descriptor.ts';
import { addon } from './native.ts';

/** When nothing is written any more, two marks only differ if output has moved on between them. */
export function outputMark(socket: Socket): string {
  const unacked = addon ? addon.unackedBytes(findDescriptor(socket), 1) : 0;
  return `${socket.writableLength} ${writeQueueSize(socket)} ${unacked}`;
}
