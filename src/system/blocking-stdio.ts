// O_NONBLOCK belongs to the open file, which a shell and the programs behind this one share: it is given back as it was
// found.
//
// Node does so itself at its exit, and the addon at a death by signal. This is for a death by signal without the addon.

import { constants, readFileSync } from 'node:fs';

const STDIO = [0, 1, 2] as const;

interface Handle {
  setBlocking?(blocking: boolean): number;
}

/** Looks at stdin, stdout and stderr now. @returns a function that makes blocking again what was blocking then */
export function blockingStdio(): () => void {
  const found = STDIO.map(isNonBlocking);
  return () => {
    for (const fd of STDIO) {
      // Where nobody can tell (no /proc) they were as a shell opens them.
      if (found[fd] === true || isNonBlocking(fd) === false) continue;
      handleOf(fd)?.setBlocking?.(true);
    }
  };
}

function handleOf(fd: (typeof STDIO)[number]): Handle | null | undefined {
  const stream = [process.stdin, process.stdout, process.stderr][fd];
  return (stream as unknown as { _handle?: Handle | null })._handle;
}

function isNonBlocking(fd: number): boolean | undefined {
  try {
    const [, flags = ''] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
    return flags === '' ? undefined : (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return undefined;
  }
}
