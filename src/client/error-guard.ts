// What a socket gets, so that its errors can wait: a `_write` and a `_writev` of its own, and an owner for `destroy()`.
//
// A write error waits at the callback that Node passes to `_write`. Until that callback is called, the stream goes on
// as if the write took long. So the error object, the events and their order stay those of Node. Node calls destroy()
// itself with an error of a read, so such an error can only wait there.

import type { Socket } from 'node:net';
import type { SocketOwner } from '../socket/ownership.ts';
import { defineHidden, destroyNow, ownerOf, setOwner, skipOwner } from '../socket/ownership.ts';
import type { CheckedDeferOptions } from './defer-write-error-options.ts';
import type { FailedWrite, Situation, WriteCallback } from './deferred-error.ts';
import { DeferredError } from './deferred-error.ts';

/** A property that other copies of the package know: the first copy that meets a socket has it. */
const GUARD = Symbol.for('lingering-close.error-guard');

type GuardedSocket = Socket & { [GUARD]?: ErrorGuard };

type Write = (...args: [...unknown[], callback: WriteCallback]) => unknown;
interface WritableMethods {
  _write: Write;
  _writev?: Write | null;
}

/** Does nothing for a socket of another copy, for one that is destroyed, and for one that cannot get properties. */
export function guardErrors(socket: GuardedSocket, { timeout }: CheckedDeferOptions, isUndici = false): void {
  if (socket.destroyed || !Object.isExtensible(socket)) return;
  const guard = socket[GUARD] ?? new ErrorGuard(socket);
  // Another copy's object has a class of its own.
  if (!(guard instanceof ErrorGuard)) return;
  guard.timeout = timeout;
  if (isUndici) guard.isUndici = true;
  // A Socket may be connected anew.
  if (guard.ownsSocket) skipOwner(socket, false);
}

class ErrorGuard implements SocketOwner, Situation {
  timeout = 0;
  isUndici = false;
  readonly ownsSocket: boolean;
  readonly write: Write | undefined;
  readonly writev: Write | null | undefined;
  readonly #socket: Socket;
  /** Of the write that is under way. A stream makes one at a time. */
  #callback: WriteCallback | undefined;
  #wait: DeferredError | undefined;
  /** The application closes the socket itself. */
  #isOff = false;

  constructor(socket: GuardedSocket) {
    this.#socket = socket;
    const methods = socket as unknown as WritableMethods;
    if (Object.hasOwn(socket, '_write')) this.write = methods._write;
    if (Object.hasOwn(socket, '_writev')) this.writev = methods._writev;
    setMethod(methods, '_write', write);
    // null says that the stream cannot do it.
    if (methods._writev) setMethod(methods, '_writev', writev);
    socket[GUARD] = this;
    // A connection of a server stays its server's.
    const owner = ownerOf(socket);
    this.ownsSocket = owner === undefined || owner instanceof ErrorGuard;
    if (this.ownsSocket) setOwner(socket, this);
  }

  /** What Node's own `_write` gets for the callback of the stream: one function for all writes of the socket. */
  intercept(socket: Socket, callback: WriteCallback): WriteCallback {
    // Other code called `_write` past the stream, or on an object that inherits from the socket.
    if (this.#callback || socket !== this.#socket) return callback;
    this.#callback = callback;
    return this.#onWritten;
  }

  readonly #onWritten: WriteCallback = (error) => {
    const callback = this.#callback as WriteCallback;
    this.#callback = undefined;
    if (!error || !isBroken(error)) callback(error);
    else this.#onWriteError({ error, callback });
  };

  #onWriteError(write: FailedWrite): void {
    const socket = this.#socket;
    if (this.#wait?.isOver === false) this.#wait.addWrite(write);
    else if (this.#isOff || socket.destroyed || socket.errored) write.callback(write.error);
    else this.#defer(write.error, write);
  }

  onDestroy(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    const waits = this.#wait?.isOver === false;
    if (waits && error && isOfReading(error)) this.#wait?.endOfInput();
    else if (waits || this.#isOff || !error || !isBroken(error) || !isOfReading(error)) destroyNow(socket, error);
    else this.#defer(error, undefined);
  }

  #defer(error: NodeJS.ErrnoException, write: FailedWrite | undefined): void {
    this.#wait = new DeferredError(this.#socket, error, write, this);
    this.#wait.start();
  }

  onApplicationClose(): void {
    this.#isOff = true;
    this.#wait?.end();
  }

  forget(): void {}
}

function write(this: GuardedSocket & WritableMethods, ...args: [unknown, BufferEncoding, WriteCallback]): unknown {
  const guard = this[GUARD];
  const original = guard?.write ?? (Object.getPrototypeOf(this) as WritableMethods)._write;
  if (guard) args[2] = guard.intercept(this, args[2]);
  return Reflect.apply(original, this, args);
}

function writev(this: GuardedSocket & WritableMethods, ...args: [unknown, WriteCallback]): unknown {
  const guard = this[GUARD];
  const original = guard?.writev ?? (Object.getPrototypeOf(this) as Required<WritableMethods>)._writev;
  if (guard) args[1] = guard.intercept(this, args[1]);
  return Reflect.apply(original as Write, this, args);
}

function setMethod(socket: WritableMethods, name: '_write' | '_writev', method: unknown): void {
  try {
    socket[name] = method as Write;
  } catch {
    // The application has made the method of the class read-only.
    defineHidden(socket, name, method);
  }
}

/** The peer has closed or reset the connection. */
function isBroken({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED';
}

/** An error with which Node destroys the socket because it can read no more: of a system call, or of OpenSSL. */
function isOfReading({ code, syscall }: NodeJS.ErrnoException): boolean {
  return syscall === 'read' || String(code).startsWith('ERR_SSL_');
}
