// What a socket gets, so that its errors can wait: a `_write` and a `_writev` of its own, and where an error of a read
// may have to wait too, an owner for `destroy()`.
//
// A write error waits at the callback that Node passes to `_write`. Until that callback is called, the stream goes on
// as if the write took long. So the error object, the events and their order stay those of Node. Node calls destroy()
// itself with an error of a read, so such an error can only wait there.

import type { Socket } from 'node:net';
import { isInCallbackOf } from '../socket/descriptor.ts';
import type { SocketOwner } from '../socket/ownership.ts';
import { closeOf, defineHidden, destroyNow, ownerOf, setOwner, skipOwner } from '../socket/ownership.ts';
import { awaitsAnswer, hasWholeAnswer } from './answer.ts';
import type { CheckedDeferOptions, GivenDeferOptions } from './defer-write-error-options.ts';
import { checkDeferOptions } from './defer-write-error-options.ts';
import type { FailedWrite, Situation, WriteCallback } from './deferred-error.ts';
import { DeferredError } from './deferred-error.ts';

/** A property that other copies of the package know: the first copy that meets a socket has it. */
const GUARD = Symbol.for('lingering-close.error-guard');
/** The kernel takes as much at once, for a new connection too (`tcp_wmem`). */
const SMALL_WRITE = 16_384;

type GuardedSocket = Socket & { [GUARD]?: ErrorGuard };
type Writes = (this: Socket, chunk: unknown, encoding: unknown, callback: WriteCallback) => unknown;
type WritesMany = (this: Socket, chunks: unknown, callback: WriteCallback) => unknown;
type EmitsTlsError = (this: Socket, error: Error) => void;
interface Methods {
  _write: Writes;
  _writev?: WritesMany | null;
  _emitTLSError?: EmitsTlsError;
  push: (this: Socket, ...args: Parameters<Socket['push']>) => boolean;
  read: (this: Socket, size?: number) => unknown;
}

/** Does nothing for a socket of another copy, for one that is destroyed, and for one that cannot get properties. */
export function guardErrors(socket: GuardedSocket, { timeout }: GivenDeferOptions, isUndici = false): void {
  if (socket.destroyed) return;
  let guard = socket[GUARD];
  if (guard === undefined) {
    try {
      guard = new ErrorGuard(socket);
    } catch {
      // It is frozen, or has a method that cannot be replaced.
      return;
    }
  }
  // Another copy's object has a class of its own.
  if (!(guard instanceof ErrorGuard)) return;
  if (timeout !== undefined) guard.timeout = timeout;
  if (isUndici) guard.serveUndici();
  // A Socket may be connected anew.
  if (guard.ownsSocket) skipOwner(socket, false);
}

/** The same for a socket whose user is not known: also what it does not write is guarded. */
export function guardAllErrors(socket: GuardedSocket, options: CheckedDeferOptions): void {
  guardErrors(socket, options);
  const guard = socket[GUARD];
  if (!(guard instanceof ErrorGuard)) return;
  guard.mayReadLater = true;
  guard.own();
}

const { timeout: DEFAULT_TIMEOUT } = checkDeferOptions();

class ErrorGuard implements SocketOwner, Situation {
  timeout = DEFAULT_TIMEOUT;
  isUndici = false;
  mayReadLater = false;
  ownsSocket = false;
  /** The methods that the socket had. */
  readonly write: Writes;
  readonly writev: WritesMany | null | undefined;
  readonly emitTlsError: EmitsTlsError | undefined;
  push: Methods['push'] | undefined = undefined;
  read: Methods['read'] | undefined = undefined;
  /** Whether the last read of undici found something. It reads until there is no more, unless it is paused. */
  foundData = false;
  readonly #socket: Socket;
  /** Whether the owner of the socket has been looked at. */
  #hasOwner = false;
  /** Of the write that is under way. A stream makes one at a time. */
  #callback: WriteCallback | undefined = undefined;
  #wait: DeferredError | undefined = undefined;

  constructor(socket: GuardedSocket) {
    this.#socket = socket;
    const methods = socket as unknown as Methods;
    this.write = methods._write;
    this.writev = methods._writev;
    this.emitTlsError = methods._emitTLSError;
    // Each by its name, and not by setMethod(): V8 takes 2,000 instructions less for a connection.
    try {
      methods._write = write;
      // null says that the stream cannot do it.
      if (this.writev) methods._writev = writev;
    } catch {
      defineHidden(socket, '_write', write);
      if (this.writev) defineHidden(socket, '_writev', writev);
    }
    if (this.emitTlsError) setMethod(methods, '_emitTLSError', emitTlsError);
    socket[GUARD] = this;
  }

  /** `destroy()` comes here from now on, unless the socket is a connection of a server: it stays its server's. */
  own(): void {
    if (this.#hasOwner) return;
    this.#hasOwner = true;
    const owner = ownerOf(this.#socket);
    this.ownsSocket = owner === undefined || owner instanceof ErrorGuard;
    try {
      if (this.ownsSocket) setOwner(this.#socket, this);
    } catch {
      // As above, since the guard was put on. This may be within a write of the application.
      this.ownsSocket = false;
    }
  }

  /** undici reads by itself, and may be paused when an error or EOF comes. */
  serveUndici(): void {
    if (this.isUndici) return;
    this.isUndici = true;
    const methods = this.#socket as unknown as Methods;
    this.push = methods.push;
    this.read = methods.read;
    setMethod(methods, 'push', push);
    setMethod(methods, 'read', read);
    this.own();
  }

  /**
   * undici may have all the data, and be paused by its consumer in the middle of it: it then asks for no more, and does
   * not know yet that the answer is whole. Neither EOF nor an error may come to it there. It listens for 'readable' as
   * long as it reads: a connection that it has handed over (CONNECT, an upgrade) is not its own any more.
   */
  get isPaused(): boolean {
    return this.isUndici && this.foundData && this.#socket.listenerCount('readable') > 0;
  }

  /** What Node's own `_write` gets for the callback of the stream: one function for all writes of the socket. */
  intercept(socket: Socket, callback: WriteCallback): WriteCallback {
    // Other code called `_write` past the stream, or on an object that inherits from the socket.
    if (this.#callback !== undefined || socket !== this.#socket) return callback;
    // Elsewhere Node has no data of the peer that its application has not read: the HTTP client takes all that comes.
    // Small requests, which the kernel takes at once, do not pay for an owner.
    if (!this.#hasOwner && (socket.writableLength > SMALL_WRITE || !awaitsAnswer(socket))) this.own();
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
    if (this.#wait?.isOver === false) {
      // The stream makes no other write meanwhile, but other code may call `_write` past the stream.
      if (!this.#wait.addWrite(write)) write.callback(write.error);
    }
    // The application may close the socket itself.
    else if (socket.destroyed || socket.errored || closeOf(socket)) write.callback(write.error);
    else this.#defer(write.error, write);
  }

  /**
   * All calls but those of Node itself with an error of a read. An application may pass on such an error too, that of
   * another socket or of a file: pipeline() does. Then it wants this socket to be destroyed.
   */
  leavesToNode(socket: Socket, error: NodeJS.ErrnoException | undefined): boolean {
    if (!error || !isInCallbackOf(socket) || !isOfReading(error)) return true;
    if (this.#wait?.isOver === false) return false;
    if (!isBroken(error) || closeOf(socket)) return true;
    return socket.readableLength === 0 && !this.isPaused && !hasWholeAnswer(socket);
  }

  onDestroy(socket: Socket, error: NodeJS.ErrnoException | undefined): void {
    // Another version of the package may have given the socket its `destroy`, and does not ask.
    if (this.leavesToNode(socket, error)) destroyNow(socket, error);
    else if (this.#wait?.isOver === false) this.#wait.endOfInput();
    else this.#defer(error, undefined);
  }

  /**
   * Node is about to emit an error of OpenSSL: what came behind the last record is no TLS. So nothing more can be read.
   * Such an error may come before that of the write which is under way.
   * @returns whether it is not emitted
   */
  keepsTlsError(socket: Socket, error: Error): boolean {
    if (socket !== this.#socket || socket.destroyed || closeOf(socket)) return false;
    if (this.#wait?.isOver === false) {
      this.#wait.endOfInput();
      return true;
    }
    if (this.#callback === undefined || !hasWholeAnswer(socket)) return false;
    this.#defer(error, undefined);
    return true;
  }

  /** Node is about to tell the stream of EOF. @returns whether EOF waits */
  keepsEnd(socket: Socket): boolean {
    if (socket !== this.#socket || this.#wait !== undefined || socket.destroyed || closeOf(socket)) return false;
    if (socket.readableLength === 0 && !this.isPaused) return false;
    this.#defer(undefined, undefined);
    return true;
  }

  #defer(error: NodeJS.ErrnoException | undefined, write: FailedWrite | undefined): void {
    this.own();
    this.#wait = new DeferredError(this.#socket, error, write, this);
    this.#wait.start();
  }

  onApplicationClose(): void {
    this.#wait?.end();
  }

  forget(): void {
    this.#wait?.onDestroyed();
  }
}

function write(this: GuardedSocket, chunk: unknown, encoding: unknown, callback: WriteCallback): unknown {
  const guard = this[GUARD];
  // An object that got only the string-keyed properties of a socket (for...in, Object.keys).
  if (guard === undefined) return methodOfClass(this, '_write').call(this, chunk, encoding, callback);
  return guard.write.call(this, chunk, encoding, guard.intercept(this, callback));
}

function writev(this: GuardedSocket, chunks: unknown, callback: WriteCallback): unknown {
  const guard = this[GUARD];
  if (!guard?.writev) return (methodOfClass(this, '_writev') as WritesMany).call(this, chunks, callback);
  return guard.writev.call(this, chunks, guard.intercept(this, callback));
}

function push(this: GuardedSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
  const guard = this[GUARD];
  if (chunk === null && guard?.keepsEnd(this)) return false;
  return (guard?.push ?? methodOfClass(this, 'push')).call(this, chunk, encoding);
}

function read(this: GuardedSocket, size?: number): unknown {
  const guard = this[GUARD];
  const chunk = (guard?.read ?? methodOfClass(this, 'read')).call(this, size);
  // read(0) is Node's own, to start the source.
  if (guard && size !== 0) guard.foundData = chunk !== null;
  return chunk;
}

function emitTlsError(this: GuardedSocket, error: Error): void {
  const guard = this[GUARD];
  if (!guard?.keepsTlsError(this, error))
    (guard?.emitTlsError ?? methodOfClass(this, '_emitTLSError')).call(this, error);
}

function methodOfClass<Name extends keyof Methods>(socket: Socket, name: Name): NonNullable<Methods[Name]> {
  return (Object.getPrototypeOf(socket) as Methods)[name] as NonNullable<Methods[Name]>;
}

function setMethod<Name extends keyof Methods>(socket: Methods, name: Name, method: Methods[Name]): void {
  try {
    socket[name] = method;
  } catch {
    // The application has made the method of the class read-only.
    defineHidden(socket, name, method);
  }
}

/** The peer has closed or reset the connection. */
function isBroken({ code }: NodeJS.ErrnoException): boolean {
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ECONNABORTED';
}

/** An error with which Node destroys the socket because it can read no more. */
function isOfReading({ syscall }: NodeJS.ErrnoException): boolean {
  return syscall === 'read';
}
