// Takes a stream's input away from the application and lets it run to nowhere.
import type { Readable } from 'node:stream';

/** From here on nobody is given data of this stream any more; what comes is dropped, so that the peer can go on writing. */
export function discardInput(stream: Readable): void {
  stream.unpipe();
  // With a 'readable' listener a stream does not flow, and a 'data' listener could pause it again.
  stream.removeAllListeners('readable');
  stream.removeAllListeners('data');
  stream.resume();
}
