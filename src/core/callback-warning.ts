// A callback of the application throws in the middle of a close: the error becomes a warning. The caller of destroy()
// is the wrong one to get it, and a shutdown must go on.

/**
 * Calls a function of the application whose result is not waited for. An error becomes a warning: what is thrown, and
 * what an async function rejects with, which would else end the process.
 */
export function callOrWarn(name: string, caller: string, call: () => unknown): void {
  (async () => call())().catch((error) => callbackWarning(name, caller, error));
}

export function callbackWarning(name: string, caller: string, error: unknown): void {
  const { message, stack } = describe(error);
  try {
    process.emitWarning(`The ${name} function of ${caller}() failed: ${message}`, {
      type: 'LingeringCloseWarning',
      code: 'LINGERING_CLOSE_CALLBACK',
      detail: stack,
    });
  } catch {
    // An application may have put a function of its own there, and no close may fail because of a warning.
  }
}

/** Anything may be thrown, also what throws again when it is looked at. */
function describe(error: unknown): { message: string; stack: string } {
  try {
    const { message = error, stack = '' } = error instanceof Error ? error : {};
    return { message: String(message), stack: String(stack) };
  } catch {
    return { message: 'it threw what cannot be shown', stack: '' };
  }
}
