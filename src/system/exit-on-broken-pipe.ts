// A command-line tool's death by SIGPIPE when stdout or stderr breaks, which is a convention of shells.

import { isMainThread } from '../core/builtin.ts';
import { codedError } from '../core/errors.ts';
import { addon } from './addon.ts';
import { makeStdioBlocking } from './blocking-stdio.ts';

/** Of the process: a second copy of the package finds that the first has done it. */
const INSTALLED = Symbol.for('lingering-close.exitOnBrokenPipe');

/**
 * For command-line tools: when stdout or stderr breaks (`tool | head -1`), the process dies by SIGPIPE as `cat` or
 * `grep` would (status 141 in a shell), instead of an EPIPE stack trace or useless work to the end. Sockets and all
 * other descriptors keep EPIPE as an error.
 *
 * Only a write to stdout or stderr that meets a broken pipe counts. Any other error of theirs (a full disk, the error
 * with which `pipeline` destroys stdout because its source has failed) is what it is without this function.
 *
 * With the addon that is every write, by whatever way: `console.log`, `process.stdout`, `fs.writeSync(1)`, a Worker's,
 * another addon's. The process dies in the write itself, so a loop that never yields ends too. Without the addon it is
 * the writes of `process.stdout` and `process.stderr` in the main thread.
 *
 * The process gives stdin, stdout and stderr back as it was given them (O_NONBLOCK, the modes of a terminal). 'exit'
 * listeners are not run, and `process.on('SIGPIPE')` listeners are not called for stdout and stderr; for other
 * descriptors they are, as ever. When the last of them is removed, other descriptors keep EPIPE as an error, and do not
 * fall to the default as they would without this function.
 *
 * Calling it twice is calling it once. It does not take effect in child processes. After it, {@link getSigpipe} and
 * {@link setSigpipe} are about the other descriptors; a disposition `'default'` from before becomes `'ignore'`.
 *
 * @throws `ERR_WORKER_UNSUPPORTED_OPERATION` in a Worker, whose stdout is not the process's
 *
 * Platforms: Linux, macOS, also without the addon; on Windows, which has no SIGPIPE, the process exits with code 141.
 * On Linux on x64 the handler knows which descriptor was written to. Elsewhere it asks whether stdout or stderr is
 * broken, so that there a socket's EPIPE ends the process too if stdout has lost its reader unnoticed. Source:
 * signal(7), pipe(7), signal-safety(7); the rule is that of Go's os/signal package.
 */
export function exitOnBrokenPipe(): void {
  if (!isMainThread()) {
    throw codedError(TypeError, 'ERR_WORKER_UNSUPPORTED_OPERATION', 'exitOnBrokenPipe() is not supported in workers');
  }
  if (INSTALLED in process) return;
  hide(process, INSTALLED, true);
  // Before process.stdout is touched, which makes a pipe non-blocking.
  const die = addon ? guard(addon) : dieWithoutAddon;
  watchWrites(process.stdout, 1, die);
  watchWrites(process.stderr, 2, die);
}

type Addon = NonNullable<typeof addon>;

function guard({ guardStdio, dieBySigpipe }: Addon): () => never {
  guardStdio();
  // The first listener makes libuv take the signal, and the last one makes it leave the default behind. Node's own
  // listeners of these two events are older, and so are called before.
  process.on('newListener', (event) => {
    if (event === 'SIGPIPE' && process.listenerCount('SIGPIPE') === 0) guardStdio();
  });
  process.on('removeListener', (event) => {
    if (event === 'SIGPIPE' && process.listenerCount('SIGPIPE') === 0) guardStdio();
  });
  return dieBySigpipe;
}

function dieWithoutAddon(): never {
  if (process.platform !== 'win32') {
    makeStdioBlocking();
    // Removing the last listener is what leaves the default disposition behind.
    process.removeAllListeners('SIGPIPE').once('SIGPIPE', () => {});
    process.removeAllListeners('SIGPIPE');
    process.kill(process.pid, 'SIGPIPE');
  }
  // Still here: the first process of a PID namespace is not killed by a default action.
  process.removeAllListeners('exit');
  process.exit(128 + 13);
}

type Callback = (error?: NodeJS.ErrnoException | null) => void;
/** The methods that an implementer of a stream provides; `_writev` is optional. */
type Internal = Record<'_write' | '_writev', ((...args: unknown[]) => void) | null>;

/**
 * Looks at what the writes of a stream answer. Not at its 'error' event: any code may destroy a stream with any error,
 * and a listener of ours would be one that handles it.
 */
function watchWrites(stream: NodeJS.WriteStream, fd: number, die: () => never): void {
  const internal = stream as unknown as Internal;
  for (const name of ['_write', '_writev'] as const) {
    const original = internal[name];
    if (!original) continue;
    hide(stream, name, function (this: unknown, ...args: unknown[]) {
      const callback = args.pop() as Callback;
      original.call(this, ...args, (error?: NodeJS.ErrnoException | null) => {
        if (error && BROKEN.has(error.code)) die();
        callback(error);
      });
    });
  }
  const { write } = stream;
  // While earlier output waits for the event loop no write reaches the kernel: one that never yields would go on for
  // ever.
  hide(stream, 'write', function (this: unknown, ...args: Parameters<typeof write>) {
    if (stream.writableLength > 0 && addon?.isStdioBroken(fd) === 1) die();
    return write.apply(this, args);
  });
}

// ECONNRESET: the first write to a TCP connection that the peer has reset. EOF: what Windows calls a broken pipe.
const BROKEN: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET', 'EOF']);

function hide(object: object, name: string | symbol, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, configurable: true });
}
