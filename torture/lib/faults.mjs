// Makes system calls of the addon fail, in a server that preloads torture/native/faults.c: a table in a file that both have open.
import { mkdtempSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileFile } from '../../lab/compile.mjs';

/** As in faults.c. */
const KINDS = ['duplicate', 'watch', 'create', 'allocate', 'any', 'signal'];
const NUMBER = 8;
const ROW = 4 * NUMBER;

export class Faults {
  #folder = mkdtempSync(join(tmpdir(), 'lingering-close-torture-'));
  #file;
  /** Variables of the environment of the server. */
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

  /** From now on every so many calls of a kind fail with `code`. */
  set(kind, code, every = 1) {
    this.#write(kind, [constants.errno[code], every, 0, 0]);
  }

  /** Before the server starts: a signal, 1,000 times a second. */
  startSignals() {
    this.#write('signal', [1, 0, 0, 0]);
  }

  clear(kind) {
    this.#write(kind, [0, 1]);
  }

  /** How often it struck. */
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
