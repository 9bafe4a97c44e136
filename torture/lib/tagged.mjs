// Bytes that identify their connection: no two connections share a stretch of bytes, and a missing byte is always
// noticed.

/** Bytes of the header: id, way, total length. */
export const HEADER = 12;
const PERIOD = 65_521;
const pattern = Buffer.alloc(PERIOD + 16_384);
for (let i = 0, state = 1; i < pattern.length; i++) {
  // The generator of Lewis, Goodman and Miller.
  state = (state * 16_807) % 2_147_483_647;
  pattern[i] = state;
}

/** A request of `length` bytes, header included. */
export function tagged(id, way, length) {
  const bytes = Buffer.from(stretch(id, length));
  bytes.writeUInt32LE(id, 0);
  bytes.writeUInt32LE(way, 4);
  bytes.writeUInt32LE(length, 8);
  return bytes;
}

export function readHeader(bytes) {
  return { id: bytes.readUInt32LE(0), way: bytes.readUInt32LE(4), length: bytes.readUInt32LE(8) };
}

export const REPLY = (id) => stretch(id + 21_001, 1_000);
export const LAST_WORDS = (id) => stretch(id + 42_002, 500);

function stretch(id, length) {
  const from = (id * 7) % PERIOD;
  return pattern.subarray(from, from + length);
}
