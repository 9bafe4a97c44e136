// Searches all the memory of another process for bytes.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const PIECE = 4 << 20;

/**
 * How often each text is found. Memory that cannot be read counts as empty: the caller must also search for a text that
 * is certainly there.
 */
export function findInMemory(pid, texts) {
  const needles = texts.map((text) => Buffer.from(text));
  const overlap = Math.max(...needles.map(({ length }) => length)) - 1;
  const found = texts.map(() => 0);
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.allocUnsafe(PIECE);
  for (const [from, to] of readable(pid)) {
    for (let at = from; at < to; at += BigInt(PIECE - overlap)) {
      const length = read(memory, piece, at, Number(to - at < PIECE ? to - at : PIECE));
      for (const [i, needle] of needles.entries()) found[i] += occurrences(piece.subarray(0, length), needle);
    }
  }
  closeSync(memory);
  return found;
}

function readable(pid) {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').matchAll(
    /^([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)$/gm,
  );
  // [vvar] and [vsyscall] belong to the kernel.
  return [...lines]
    .filter(([, , , name]) => !name.startsWith('[v'))
    .map(([, from, to]) => [BigInt(`0x${from}`), BigInt(`0x${to}`)]);
}

/** 0 when the memory was unmapped meanwhile. */
function read(memory, piece, at, length) {
  try {
    return readSync(memory, piece, 0, length, at);
  } catch {
    return 0;
  }
}

/** A text that begins in the last bytes is found in the next piece, which contains all of it. */
export function occurrences(bytes, needle) {
  let count = 0;
  for (let at = bytes.indexOf(needle); at >= 0; at = bytes.indexOf(needle, at + needle.length)) count++;
  return count;
}
