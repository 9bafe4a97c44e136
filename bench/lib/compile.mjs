// The C programs of the benchmarks, compiled when they are wanted: senders that must not be the slower side, and the bare loop as a rival.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../build/bench/', import.meta.url));

/** The path of the program made of `bench/native/<name>.c`. */
export function compile(name) {
  mkdirSync(folder, { recursive: true });
  return compileFile(fileURLToPath(new URL(`../native/${name}.c`, import.meta.url)), `${folder}${name}`);
}

/** Makes a program, or with `-shared` in `flags` a library. */
export function compileFile(source, output, flags = []) {
  // Under a name of its own first: somebody else may be running, or making, the same program.
  const made = `${output}.${process.pid}`;
  const { status, error } = spawnSync('cc', ['-O2', '-Wall', '-Wextra', '-pthread', ...flags, '-o', made, source], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error(`cc cannot compile ${source}`, { cause: error });
  renameSync(made, output);
  return output;
}
