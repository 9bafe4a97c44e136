// One listener for each AbortSignal, however many closes use the signal. The signal of a shutdown may serve thousands
// of closes, and Node warns of a leak at the eleventh listener.

import { throwLater } from './throw-later.ts';

interface Entry {
  callbacks: Set<() => void>;
  listener: () => void;
}

const entries = new WeakMap<AbortSignal, Entry>();

/** Calls `callback` when the signal aborts. @returns a function that cancels this */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const { callbacks, listener } = entries.get(signal) ?? listen(signal);
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size > 0) return;
    entries.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

function listen(signal: AbortSignal): Entry {
  const callbacks = new Set<() => void>();
  const listener = () => {
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        throwLater(error);
      }
    }
  };
  signal.addEventListener('abort', listener);
  const entry = { callbacks, listener };
  entries.set(signal, entry);
  return entry;
}
