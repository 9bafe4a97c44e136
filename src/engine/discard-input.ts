// Takes a stream's input away from the application, and lets it run to nowhere.
import type { Readable } from 'node:stream';

/** From here on the application is given no more data of this stream. */
export function takeInput<Stream extends Readable>(stream: Stream): Stream {
  stream.unpipe();
  stream.removeAllListeners('data');
  if (stream.listenerCount('readable') > 0) stream.removeAllListeners('readable');
  return stream;
}

/** And what comes is dropped, so that the peer can go on writing. */
export function discardInput<Stream extends Readable>(stream: Stream): Stream {
  // A 'readable' listener would keep it from flowing, and a 'data' listener could pause it again.
  return takeInput(stream).resume();
}
