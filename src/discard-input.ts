// Takes a stream's input away from the application, and lets it run to nowhere.
import type { Readable } from 'node:stream';

/** From here on the application is given no more data of this stream. */
export function takeInput(stream: Readable): void {
  stream.unpipe();
  stream.removeAllListeners('data');
  if (stream.listenerCount('readable') > 0) stream.removeAllListeners('readable');
}

/** And what comes is dropped, so that the peer can go on writing. */
export function discardInput(stream: Readable): void {
  // A 'readable' listener would keep it from flowing, and a 'data' listener could pause it again.
  takeInput(stream);
  stream.resume();
}
