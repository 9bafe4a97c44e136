// O_NONBLOCK belongs to the open file, which the shell and the programs behind this one share: it is taken away again.
//
// Node does so itself at its exit, and the addon at a death by signal. This is for a death by signal without the addon.

import { constants, readFileSync } from 'node:fs';

const STDIO = [0, 1, 2] as const;

interface Handle {
  setBlocking?(blocking: boolean): number;
}

/**
 * Makes stdin, stdout and stderr blocking, as a shell opens them. Whether they were at the start of the process cannot
 * be known: to load node:util is enough for Node to have made stderr non-blocking.
 */
export function makeStdioBlocking(): void {
  for (const fd of STDIO) {
    if (isNonBlocking(fd) !== false) handleOf(fd)?.setBlocking?.(true);
  }
}

function handleOf(fd: (typeof STDIO)[number]): Handle | null | undefined {
  const stream = [process.stdin, process.stdout, process.stderr][fd];
  return (stream as unknown as { _handle?: Handle | null })._handle;
}

/** Undefined where /proc does not tell. */
function isNonBlocking(fd: number): boolean | undefined {
  try {
    const [, flags = ''] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return flags === '' ? undefined : (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return undefined;
  }
}
