// What is uploaded: 5 MB, with its length or in chunks, from a buffer or from a stream.
import { Readable } from 'node:stream';

const PIECE = 1 << 16;
const whole = Buffer.alloc(5 << 20);

function* pieces() {
  for (let start = 0; start < whole.length; start += PIECE) yield whole.subarray(start, start + PIECE);
}

/** `length`: missing where the body goes in chunks. `data`: a buffer or a stream. */
export const BODIES = {
  'length-buffer': () => ({ length: whole.length, data: whole }),
  'length-stream': () => ({ length: whole.length, data: Readable.from(pieces(), { objectMode: false }) }),
  'chunked-buffer': () => ({ data: whole }),
  'chunked-stream': () => ({ data: Readable.from(pieces(), { objectMode: false }) }),
};

export const headersOf = ({ length }) => (length === undefined ? {} : { 'content-length': String(length) });
