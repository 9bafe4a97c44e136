// From a SocketLike to its file descriptor. No other file touches `_handle`.
//
// A descriptor is read at each call and never kept: libuv closes it before 'close' is emitted, and by then the number
// may belong to another connection.

import asyncHooks from 'node:async_hooks';
import { type Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { types } from 'node:util';
import { codedError, invalidArgType, invalidArgValue, outOfRange } from '../core/errors.ts';
import { adviceForSocket } from '../core/what-to-pass.ts';
import { isTls } from './tls.ts';

/** A socket of Node, or a raw file descriptor. */
export type SocketLike = Socket | TLSSocket | number;

interface Handle {
  fd?: unknown;
  getAsyncId?: unknown;
  writeQueueSize?: unknown;
}

function handleOf(socket: Socket): Handle | null | undefined {
  return (socket as unknown as { _handle?: Handle | null })._handle;
}

/** Throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`, and touches nothing. */
export function validateSocketLike(socket: unknown): asserts socket is SocketLike {
  if (typeof socket === 'number') {
    if (!Number.isInteger(socket) || socket < 0 || socket > 2_147_483_647) {
      throw outOfRange('socket', 'a file descriptor, an integer >= 0 && <= 2147483647', socket);
    }
  } else if (types.isProxy(socket)) {
    // The `socket` of HTTP/2 is a Proxy, and some of its methods are those of a stream. Use session.close() there.
    throw invalidArgValue(
      'socket',
      'the Socket itself, and not a Proxy such as the socket of an HTTP/2 session or request',
      'a Proxy',
    );
  } else if (!(socket instanceof Socket) || socket.writableLength === undefined) {
    // Without writableLength the object has the prototype of a Socket, but its constructor was never called.
    throw invalidArgType(
      'socket',
      'an instance of net.Socket or tls.TLSSocket, or a file descriptor',
      socket,
      adviceForSocket(socket),
    );
  }
}

/**
 * For functions that give a socket a `destroy` method of its own. Throws `ERR_INVALID_ARG_VALUE`, and touches nothing.
 */
export function validateExtensible(socket: SocketLike): void {
  if (typeof socket !== 'number' && !Object.isExtensible(socket)) {
    throw invalidArgValue('socket', 'extensible: it gets a destroy method of its own', socket);
  }
}

/** The descriptor on which a server listens; -1 where it has none: a cluster worker whose primary listens. */
export function listeningDescriptor(server: Server): number {
  const fd = (server as { _handle?: Handle | null })._handle?.fd;
  return typeof fd === 'number' ? fd : -1;
}

/**
 * The socket's descriptor; -1 where there is none: not connected, closed, TLS over a stream, a runtime that hides it.
 */
export function findDescriptor(socket: Socket): number {
  const fd = handleOf(socket)?.fd;
  return typeof fd === 'number' ? fd : -1;
}

/**
 * Whether the connection certainly comes from a listening socket of this process. False also where Node.js does not
 * tell, as for a socket that another process has sent.
 */
export function isAccepted(socket: Socket): boolean {
  // Not `server`: an HTTP server sets that on whatever socket its 'connection' event brings.
  const { _server, _parent } = socket as { _server?: unknown; _parent?: { _server?: unknown } };
  return Boolean(_server ?? _parent?._server);
}

/**
 * The descriptor of what a caller passed.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`; `ERR_SOCKET_CLOSED` for a closed socket;
 * `ERR_INVALID_STATE` for a socket that is not connected yet; `ERR_INVALID_HANDLE_TYPE` for a socket without a
 * descriptor of its own
 */
export function descriptorOf(socket: unknown): number {
  validateSocketLike(socket);
  return validatedDescriptorOf(socket);
}

/** Does the same for an argument that {@link validateSocketLike} has already checked. */
export function validatedDescriptorOf(socket: SocketLike): number {
  if (typeof socket === 'number') return socket;
  const fd = findDescriptor(socket);
  if (fd >= 0 && !socket.connecting) return fd;
  if (socket.destroyed) throw codedError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed');
  if (socket.pending || socket.connecting)
    throw codedError(Error, 'ERR_INVALID_STATE', 'Invalid state: the socket is not connected yet');
  throw codedError(
    TypeError,
    'ERR_INVALID_HANDLE_TYPE',
    'The socket has no file descriptor of its own (TLS over a stream, or a JavaScript handle)',
  );
}

/** False for a socket that is closed, or that was sent to another process. */
export function hasHandle(socket: Socket): boolean {
  return handleOf(socket) != null;
}

/**
 * Whether a child process has the connection as a standard stream: `spawn(file, { stdio: [socket, socket] })`.
 * Node.js marks the socket, so that this process reads no bytes of the child.
 */
export function isStdioOfChild(socket: Socket): boolean {
  return Object.getOwnPropertySymbols(socket).some(({ description }) => description === 'kIsUsedAsStdio');
}

/**
 * Whether the descriptor is certainly a TCP socket. Node has one class, Pipe, for all others, such as UNIX sockets and
 * the pipes of pipe(2).
 */
export function isTcp(socket: SocketLike): boolean {
  if (typeof socket === 'number' || isTls(socket)) return false;
  return (handleOf(socket) as { setNoDelay?: unknown } | null)?.setNoDelay !== undefined;
}

/** Whether Node tells of something that the connection of this socket has read. False where that cannot be known. */
export function isInCallbackOf(socket: Socket): boolean {
  const handle = handleOf(socket);
  return typeof handle?.getAsyncId === 'function' && handle.getAsyncId() === asyncHooks.executionAsyncId();
}

/** Bytes of earlier writes that libuv (or the TLS layer) still holds. */
export function writeQueueSize(socket: Socket): number {
  const size = handleOf(socket)?.writeQueueSize;
  return typeof size === 'number' ? size : 0;
}
