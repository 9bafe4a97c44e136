/** Whether Node's HTTP server gave up on its input: it could not be parsed, or did not come in time. */
export function isInputError(error: NodeJS.ErrnoException | undefined): boolean {
  return String(error?.code).startsWith('HPE_') || error?.code === 'ERR_HTTP_REQUEST_TIMEOUT';
}

/** Whether a write came too late: after `end()`, or after the peer's FIN on a socket that is not `allowHalfOpen`. No system call was made. */
export function isRefusedWrite(error: NodeJS.ErrnoException | undefined): boolean {
  return error?.code === 'ERR_STREAM_WRITE_AFTER_END' || (error?.code === 'EPIPE' && error.syscall === undefined);
}

// What the kernel, Node's streams and undici (the `fetch` of Node) call a connection that the other side has broken.
const RESET_CODES: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
]);

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
