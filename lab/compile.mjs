// The C programs of the benchmarks, compiled when they are wanted: senders that must not be the slower side, and the bare loop as a rival.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the benchmarks make for themselves. */
export const made = fileURLToPath(new URL('../build/lab/', import.meta.url));

/** The path of the program made of `lab/native/<name>.c`. */
export function compile(name) {
  mkdirSync(made, { recursive: true });
  return compileFile(fileURLToPath(new URL(`native/${name}.c`, import.meta.url)), `${made}${name}`);
}

/** Makes a program, or with `-shared` in `flags` a library. */
export function compileFile(source, output, flags = []) {
  // Under a name of its own first: somebody else may be running, or making, the same program.
  const unfinished = `${output}.${process.pid}`;
  const { status, error } = spawnSync(
    'cc',
    ['-O2', '-Wall', '-Wextra', '-pthread', ...flags, '-o', unfinished, source],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  if (status !== 0) throw new Error(`cc cannot compile ${source}`, { cause: error });
  renameSync(unfinished, output);
  return output;
}
