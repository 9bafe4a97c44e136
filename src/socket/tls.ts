// Where TLS differs: the files that import this one are all those in which TLS matters.
//
// A TLSSocket usually lies over a net.Socket of its own, the bare socket, which has the descriptor. Node destroys the
// two one after the other. Everything here is told by shape: `instanceof TLSSocket` would load node:tls, which is slow
// and missing from a Node.js that was built without crypto.
import { type Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

export function isTls(socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

/** Whether the connections of a server begin with a TLS handshake. */
export function isTlsServer(server: Server): boolean {
  return 'setSecureContext' in server;
}

/** The connection under a TLS socket. */
export function bareSocketOf(socket: Socket): Socket | undefined {
  const bare = isTls(socket) ? (socket as { _parent?: unknown })._parent : undefined;
  return bare instanceof Socket ? bare : undefined;
}

/** Whether the socket is destroyed, or the connection under its TLS, without which it can neither read nor write. */
export function isGone(socket: Socket): boolean {
  return socket.destroyed || bareSocketOf(socket)?.destroyed === true;
}

export const TLS = Symbol('lingering-close.tls');

/** The TLSSocket over a connection, or the connection itself where there is none. */
export function topOf(bare: Socket & { [TLS]?: TLSSocket }): Socket {
  return bare[TLS] ?? bare;
}
