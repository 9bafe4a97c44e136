// Compiles the C programs that bench, torture and test share. They are in C so that they are never the slower side.
import { spawnSync } from 'node:child_process';
import { mkdirSync, renameSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder for everything that bench, torture and test build. */
export const made = fileURLToPath(new URL('../build/lab/', import.meta.url));

/** Compiles `lab/native/<name>.c`, and returns the path of the program. */
export function compile(name) {
  mkdirSync(made, { recursive: true });
  return compileFile(fileURLToPath(new URL(`native/${name}.c`, import.meta.url)), `${made}${name}`);
}

/** Compiles a program, or with `-shared` in `flags` a library. */
export function compileFile(source, output, flags = []) {
  // Renamed when it is complete: another process may run or compile the same program now.
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
