// One listener a signal, however many closes it governs: a server's shutdown signal may govern thousands, and Node warns of a leak at the eleventh.

interface Governed {
  callbacks: Set<() => void>;
  listener: () => void;
}

const governed = new WeakMap<AbortSignal, Governed>();

/** Calls `callback` when the signal aborts. @returns a function that gives it up */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = governed.get(signal) ?? govern(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    governed.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

function govern(signal: AbortSignal): Governed {
  const callbacks = new Set<() => void>();
  const listener = () => {
    for (const callback of callbacks) callback();
  };
  signal.addEventListener('abort', listener);
  const entry = { callbacks, listener };
  governed.set(signal, entry);
  return entry;
}
