// A connection that an 'upgrade' or 'connect' listener has ended, with a 401 say, and that nobody reads. Node stops reading it when its buffer is full, and so it stays: a client
// that writes before it reads waits for ever, and its EOF is never seen.
import type { Socket } from 'node:net';

const SWEEP = 1_000;
const ended = new Set<Socket>();
let timer: NodeJS.Timeout | undefined;

/** For a socket of an HTTP server that has sent its FIN. */
export function watchRefusedUpgrade(socket: Socket): void {
  // Where Node's parser has it, or the other side is done, nothing is left to do.
  if ((socket as { parser?: unknown }).parser || socket.destroyed || socket.readableEnded) return;
  ended.add(socket);
  schedule();
}

function schedule(): void {
  if (!timer) timer = setTimeout(sweep, SWEEP).unref();
}

function sweep(): void {
  timer = undefined;
  for (const socket of ended) {
    const stuck = isStuck(socket);
    if (stuck) socket.resume();
    if (stuck || socket.destroyed) ended.delete(socket);
  }
  if (ended.size > 0) schedule();
}

function isStuck(socket: Socket): boolean {
  // `null`: nobody reads it, nor has paused it. Node sets that when it hands a socket to a listener.
  if (socket.destroyed || socket.readableFlowing !== null || socket.listenerCount('readable') > 0) return false;
  return socket.readableLength >= socket.readableHighWaterMark;
}
