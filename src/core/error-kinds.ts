// What an error says about a connection.

/** Whether Node's HTTP server gave up on its input: the input could not be parsed, or did not come in time. */
export function isInputError(error: NodeJS.ErrnoException | undefined): boolean {
  return String(error?.code).startsWith('HPE_') || error?.code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

/**
 * Whether Node refused a write that came too late: after `end()`, or after the peer's FIN on a socket without
 * `allowHalfOpen`. There was no system call.
 */
export function isRefusedWrite(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'ERR_STREAM_WRITE_AFTER_END' || (error?.code === 'EPIPE' && error.syscall === undefined);
}

// The codes of the kernel, of Node's streams and of undici (the `fetch` of Node) for a connection that the peer broke.
const RESET_CODES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
]);

/**
 * Whether an error says that the peer broke the connection: `ECONNRESET`, `EPIPE`, `ECONNABORTED`, and what Node makes
 * of them (`socket hang up`, `aborted`, `ERR_STREAM_PREMATURE_CLOSE`, undici's `UND_ERR_SOCKET`). An error that wraps
 * one of these counts too: `fetch failed` with its `cause`, an `AggregateError` with its `errors`.
 *
 * Takes any value, never throws, works on every platform.
 *
 * Source: connect(2), send(2) and tcp(7), ERRORS; the grouping is that of OpenJDK's "Connection reset".
 */
export function isConnectionReset(error: unknown): boolean {
  const seen = new Set<unknown>();
  const pending: unknown[] = [error];
  try {
    // With a limit: a getter may return a new cause each time.
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
    // A hostile object (a revoked Proxy, a getter that throws) is not an error of a connection.
  }
  return false;
}
