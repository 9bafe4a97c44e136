// A callback of the application throws in the middle of a close: the error becomes a warning. The caller of destroy()
// is the wrong one to get it, and a shutdown must go on.

export function callbackWarning(name: string, caller: string, error: unknown): void {
  const { message = String(error), stack = '' } = error instanceof Error ? error : {};
  process.emitWarning(`The ${name} function of ${caller}() failed: ${message}`, {
    type: 'LingeringCloseWarning',
    code: 'LINGERING_CLOSE_CALLBACK',
    detail: stack,
  });
}
