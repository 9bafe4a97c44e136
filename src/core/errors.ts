// Errors in Node's own form. A mistake of the caller is a TypeError or RangeError with a code; an errno of the kernel
// is a SocketError.
import { getSystemErrorMap, getSystemErrorName, inspect } from 'node:util';

/**
 * The error of a system call on a socket, in the shape and with the sign of Node's own errors: `code` (`'ENOTSOCK'`),
 * `errno` (`-88`), `syscall` (`'setsockopt'`).
 *
 * In a {@link CloseReport} a SocketError may also stand for the error with which the socket was destroyed. That error
 * is then the `cause`, and `code`, `errno` and `syscall` are taken from it; `errno` and `syscall` are `undefined` where
 * that error has none (a TLS alert), and `code` is `'ERR_SOCKET'` where it has none.
 *
 * Works on every platform; its codes are those of the system. Source: errno(3).
 */
export class SocketError extends Error {
  override readonly name = 'SocketError';
  /** The name of the errno: `'ECONNRESET'`. */
  readonly code: string;
  /** Negative, as in Node's own errors. */
  readonly errno: number | undefined;
  /** The system call that failed: `'send'`. */
  readonly syscall: string | undefined;

  /** @param errno negative: `-os.constants.errno.EPIPE` */
  constructor(syscall: string, errno: number);
  /** @internal */
  constructor(syscall: string | undefined, errno: number | undefined, cause: NodeJS.ErrnoException);
  constructor(syscall: string | undefined, errno: number | undefined, cause?: NodeJS.ErrnoException) {
    super(cause ? cause.message : `${syscall} ${describeErrno(errno as number)}`, cause && { cause });
    this.code = cause ? (cause.code ?? 'ERR_SOCKET') : systemErrorName(errno as number);
    this.errno = errno;
    this.syscall = syscall;
  }

  /** @internal Wraps the error with which a socket was destroyed. */
  static from(error: unknown): SocketError {
    // An application may throw what is no object.
    const isObject = typeof error === 'object' && error !== null;
    const cause: NodeJS.ErrnoException = isObject
      ? (error as NodeJS.ErrnoException)
      : new Error(inspectShortly(error), { cause: error });
    return new SocketError(cause.syscall, cause.errno, cause);
  }
}

function systemErrorName(errno: number): string {
  // getSystemErrorName throws a RangeError for a number >= 0.
  return errno < 0 ? getSystemErrorName(errno) : `E${errno}`;
}

function describeErrno(errno: number): string {
  const description = getSystemErrorMap().get(errno)?.[1];
  return description ? `${systemErrorName(errno)}: ${description}` : systemErrorName(errno);
}

/** Returns the result of a native call; throws a {@link SocketError} where the result is -errno. */
export function checked(result: number, syscall: string): number {
  if (result < 0) throw new SocketError(syscall, result);
  return result;
}

type ErrorClass = typeof Error | typeof TypeError | typeof RangeError;

/** An error with a `code`. Its stack begins as in Node's own errors: `TypeError [ERR_INVALID_ARG_TYPE]: ...`. */
export function codedError(Class: ErrorClass, code: string, message: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Class(message);
  error.code = code;
  error.stack = String(error.stack).replace(error.name, `${error.name} [${code}]`);
  return error;
}

/** `expected` completes "must be ...". `advice` is a sentence behind it. */
export function invalidArgType(name: string, expected: string, value: unknown, advice = ''): NodeJS.ErrnoException {
  const message = `The ${named(name)} must be ${expected}. Received ${describe(value)}`;
  return codedError(TypeError, 'ERR_INVALID_ARG_TYPE', advice ? `${message}. ${advice}.` : message);
}

export function invalidArgValue(name: string, expected: string, value: unknown): NodeJS.ErrnoException {
  return codedError(
    TypeError,
    'ERR_INVALID_ARG_VALUE',
    `The ${named(name)} must be ${expected}. Received ${inspectShortly(value)}`,
  );
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
