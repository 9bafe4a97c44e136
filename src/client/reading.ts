// Watches how a stream is read, for the short time in which an error waits. Nothing else shows it: a listener for
// 'data' or 'readable' would make the stream flow, or keep it from flowing.
import type { Readable } from 'node:stream';
import { defineHidden } from '../socket/ownership.ts';

export interface ReadingListener {
  /**
   * Node is about to put data into the stream, or the application to take some out. What `process.nextTick` is given
   * here runs before 'end', if it is this step that leads to it.
   */
  onStep(): void;
  /** Node is about to tell the stream of EOF. @returns whether the stream may hear of it now */
  onEof(): boolean;
}

/**
 * Gives the stream a `push` and a `read` of its own. Every source of a stream uses the one, and every consumer the
 * other: listeners, pipes, iterators and callers of `read()`.
 *
 * @returns a function that gives back what was there before
 */
export function watchReading(stream: Readable, listener: ReadingListener): () => void {
  const giveBackPush = replace(stream, 'push', (push, args) => {
    listener.onStep();
    if (args[0] === null && !listener.onEof()) return false;
    return Reflect.apply(push, stream, args);
  });
  const giveBackRead = replace(stream, 'read', (read, args) => {
    listener.onStep();
    return Reflect.apply(read, stream, args);
  });
  return () => {
    giveBackPush();
    giveBackRead();
  };
}

type Method = (...args: never[]) => unknown;

function replace<Name extends 'push' | 'read'>(
  stream: Readable,
  name: Name,
  around: (original: Readable[Name], args: Parameters<Readable[Name]>) => ReturnType<Readable[Name]>,
): () => void {
  const original: Readable[Name] = stream[name];
  const before = Object.getOwnPropertyDescriptor(stream, name);
  const replacement = (...args: Parameters<Readable[Name]>) => around(original, args);
  try {
    defineHidden(stream, name, replacement);
  } catch {
    // The application has frozen the stream meanwhile. Then only the limits of the wait end it.
    return () => {};
  }
  return () => {
    // Another package may have put its own over it. That one calls this one, which then only passes on.
    if ((stream[name] as Method) !== replacement) return;
    if (before) Reflect.defineProperty(stream, name, before);
    else Reflect.deleteProperty(stream, name);
  };
}
