// Watches how a stream is read, for the short time in which an error waits. Nothing else shows it: a listener for
// 'data' or 'readable' would make the stream flow, or keep it from flowing.
import type { Readable } from 'node:stream';
import { defineHidden } from '../socket/ownership.ts';

export interface ReadingListener {
  /** Node has put data into the stream. */
  onData(): void;
  /** Node has told the stream of EOF. 'end' has not been emitted yet. */
  onEof(): void;
  /** The application has taken data out of the stream. */
  onRead(): void;
}

/**
 * Gives the stream a `push` and a `read` of its own. Every source of a stream uses the one, and every consumer the
 * other: listeners, pipes, iterators and callers of `read()`.
 *
 * @returns a function that gives back what was there before
 */
export function watchReading(stream: Readable, listener: ReadingListener): () => void {
  const giveBack = [
    replace(stream, 'push', (push, args) => {
      const result = Reflect.apply(push, stream, args);
      if (args[0] === null) listener.onEof();
      else listener.onData();
      return result;
    }),
    replace(stream, 'read', (read, args) => {
      const chunk = Reflect.apply(read, stream, args);
      if (chunk !== null) listener.onRead();
      return chunk;
    }),
  ];
  return () => {
    for (const undo of giveBack) undo();
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
  defineHidden(stream, name, replacement);
  return () => {
    // Another package may have put its own over it. That one calls this one, which then only passes on.
    if ((stream[name] as Method) !== replacement) return;
    if (before) Object.defineProperty(stream, name, before);
    else Reflect.deleteProperty(stream, name);
  };
}
