// Takes a stream's input away from the application, and discards it.
import type { Readable } from 'node:stream';

/** Removes what reads the stream: from here on the application gets no more of its data. */
export function takeInput<Stream extends Readable>(stream: Stream): Stream {
  stream.unpipe();
  stream.removeAllListeners('data');
  if (stream.listenerCount('readable') > 0) stream.removeAllListeners('readable');
  return stream;
}

/** Does what {@link takeInput} does, and discards what arrives, so that the peer can go on writing. */
export function discardInput<Stream extends Readable>(stream: Stream): Stream {
  // takeInput() first: a 'readable' listener would keep the stream from flowing, and a 'data' listener could pause it.
  return takeInput(stream).resume();
}
