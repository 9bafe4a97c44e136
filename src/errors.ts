// Errors in Node's own form: what a caller does wrong is a TypeError or RangeError with a code, what the kernel says is a SocketError.
import { getSystemErrorMap, getSystemErrorName, inspect } from 'node:util';

/**
 * What a system call on a socket answered, in the shape and with the sign of Node's own errors: `code` (`'ENOTSOCK'`), `errno` (`-88`), `syscall`
 * (`'setsockopt'`).
 *
 * In a {@link CloseReport} it may also stand for an error that the socket itself ended with. `code` is then that error's own, `errno` and `syscall`
 * are missing where it had none (a TLS alert), and `cause` is the error.
 */
export class SocketError extends Error {
  override readonly name = 'SocketError';
  readonly code: string;
  readonly errno: number | undefined;
  readonly syscall: string | undefined;

  constructor(syscall: string, errno: number);
  /** @internal */
  constructor(syscall: string | undefined, errno: number | undefined, cause: NodeJS.ErrnoException);
  constructor(syscall: string | undefined, errno: number | undefined, cause?: NodeJS.ErrnoException) {
    super(cause ? cause.message : `${syscall} ${describeErrno(errno as number)}`, cause && { cause });
    this.code = cause ? (cause.code ?? 'ERR_SOCKET') : systemErrorName(errno as number);
    this.errno = errno;
    this.syscall = syscall;
  }

  /** @internal An error that a socket was destroyed with, as one of ours. */
  static from(error: NodeJS.ErrnoException): SocketError {
    return new SocketError(error.syscall, error.errno, error);
  }
}

function systemErrorName(errno: number): string {
  // getSystemErrorName throws a RangeError for a number that it takes for impossible.
  return errno < 0 ? getSystemErrorName(errno) : `E${errno}`;
}

function describeErrno(errno: number): string {
  const description = getSystemErrorMap().get(errno)?.[1];
  return description ? `${systemErrorName(errno)}: ${description}` : systemErrorName(errno);
}

/** The result of a native call, unless it is an errno. */
export function checked(result: number, syscall: string): number {
  if (result < 0) throw new SocketError(syscall, result);
  return result;
}

type ErrorClass = typeof Error | typeof TypeError | typeof RangeError;

/** An error with a `code`, whose stack begins as Node's do: `TypeError [ERR_INVALID_ARG_TYPE]: ...`. */
export function codedError(Class: ErrorClass, code: string, message: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Class(message);
  error.code = code;
  error.stack = String(error.stack).replace(error.name, `${error.name} [${code}]`);
  return error;
}

/** `expected` completes "must be ...". */
export function invalidArgType(name: string, expected: string, value: unknown): NodeJS.ErrnoException {
  return codedError(TypeError, 'ERR_INVALID_ARG_TYPE', `The ${named(name)} must be ${expected}. Received ${describe(value)}`);
}

export function invalidArgValue(name: string, expected: string, value: unknown): NodeJS.ErrnoException {
  return codedError(TypeError, 'ERR_INVALID_ARG_VALUE', `The ${named(name)} must be ${expected}. Received ${inspectShortly(value)}`);
}

export function outOfRange(name: string, expected: string, value: unknown): NodeJS.ErrnoException {
  return codedError(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `The value of "${name}" is out of range. It must be ${expected}. Received ${inspectShortly(value)}`,
  );
}

function named(name: string): string {
  return `"${name}" ${name.includes('.') ? 'property' : 'argument'}`;
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'function') return 'a function';
  if (typeof value !== 'object') return `type ${typeof value} (${inspectShortly(value)})`;
  try {
    const name = value.constructor?.name;
    return name ? `an instance of ${name}` : inspectShortly(value);
  } catch {
    return 'an object';
  }
}

function inspectShortly(value: unknown): string {
  try {
    const text = inspect(value, { depth: -1 });
    return text.length > 64 ? `${text.slice(0, 64)}...` : text;
  } catch {
    return `a value of type ${typeof value}`;
  }
}

/** Whether Node's HTTP server gave up on its input: it could not be parsed, or did not come in time. */
export function isInputError(error: NodeJS.ErrnoException | undefined): boolean {
  return String(error?.code).startsWith('HPE_') || error?.code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

/** Whether a write came too late: after `end()`, or after the peer's FIN on a socket that is not `allowHalfOpen`. No system call was made. */
export function isRefusedWrite(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'ERR_STREAM_WRITE_AFTER_END' || (error?.code === 'EPIPE' && error.syscall === undefined);
}

// What the kernel, Node's streams and undici (the `fetch` of Node) call a connection that the other side has broken.
const RESET_CODES: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_PREMATURE_CLOSE', 'UND_ERR_SOCKET']);

/**
 * Whether an error says that the peer broke the connection: `ECONNRESET`, `EPIPE`, `ECONNABORTED`, and what Node makes of them (`socket hang up`,
 * `aborted`, `ERR_STREAM_PREMATURE_CLOSE`, undici's `UND_ERR_SOCKET`). An error that wraps such a one counts too: `fetch failed` with its `cause`,
 * an `AggregateError` with its `errors`.
 *
 * Takes anything, never throws, works on every platform.
 *
 * Source: connect(2), send(2) and tcp(7), ERRORS; the grouping is that of OpenJDK's "Connection reset".
 */
export function isConnectionReset(error: unknown): boolean {
  const seen = new Set<unknown>();
  const pending: unknown[] = [error];
  try {
    // Bounded, for a getter may make up a new cause each time.
    while (pending.length > 0 && seen.size < 100) {
      const current = pending.pop();
      if (typeof current !== 'object' || current === null || seen.has(current)) continue;
      seen.add(current);
      const { code, cause, errors } = current as { code?: unknown; cause?: unknown; errors?: unknown };
      if (RESET_CODES.has(code)) return true;
      pending.push(cause);
      if (Array.isArray(errors)) pending.push(...errors.slice(0, 100));
    }
  } catch {
    // A hostile object (a revoked proxy, a throwing getter) is no error of a connection.
  }
  return false;
}
