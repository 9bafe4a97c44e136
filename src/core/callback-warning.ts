// What an application's callback throws in the middle of a close. Whoever called destroy() is not who should hear of it, and a shutdown goes on.

export function callbackWarning(name: string, caller: string, error: unknown): void {
  const { message = String(error), stack = '' } = error instanceof Error ? error : {};
  process.emitWarning(`The ${name} function of ${caller}() failed: ${message}`, {
    type: 'LingeringCloseWarning',
    code: 'LINGERING_CLOSE_CALLBACK',
    detail: stack,
  });
}
