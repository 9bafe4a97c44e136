// Makes system calls of the addon fail in a server that preloads torture/native/faults.c. Both have a file open that
// contains a table of the faults.
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFile } from '../../lab/compile.mjs';

/** The same order as in faults.c. */
const KINDS = ['duplicate', 'watch', 'create', 'allocate', 'any', 'signal'];
const NUMBER = 8;
const ROW = 4 * NUMBER;

export class Faults {
  #folder = mkdtempSync(join(tmpdir(), 'lingering-close-torture-'));
  #file;
  /** Environment variables for the server. */
  env;

  constructor() {
    process.on('exit', () => rmSync(this.#folder, { recursive: true, force: true }));
    const path = join(this.#folder, 'table');
    writeFileSync(path, Buffer.alloc(KINDS.length * ROW));
    this.#file = openSync(path, 'r+');
    const source = fileURLToPath(new URL('../native/faults.c', import.meta.url));
    const library = compileFile(source, join(this.#folder, 'faults.so'), ['-shared', '-fPIC']);
    this.env = { LD_PRELOAD: library, TORTURE_FAULTS: path };
  }

  /** From now on every `every`th call of a kind fails with `code`. */
  set(kind, code, every = 1) {
    this.#write(kind, [constants.errno[code], every, 0, 0]);
  }

  /** Call it before the server starts: a signal interrupts the server 1,000 times a second. */
  startSignals() {
    this.#write('signal', [1, 0, 0, 0]);
  }

  clear(kind) {
    this.#write(kind, [0, 1]);
  }

  /** How many calls of a kind have failed. */
  struck(kind) {
    const number = Buffer.alloc(NUMBER);
    readSync(this.#file, number, 0, NUMBER, KINDS.indexOf(kind) * ROW + 3 * NUMBER);
    return Number(number.readBigUInt64LE());
  }

  #write(kind, numbers) {
    writeSync(
      this.#file,
      new BigUint64Array(numbers.map(BigInt)),
      0,
      numbers.length * NUMBER,
      KINDS.indexOf(kind) * ROW,
    );
  }
}
