import { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** The connection under a TLS socket. */
export function bareSocketOf(socket: Socket): Socket | undefined {
  const bare = isTls(socket) ? (socket as { _parent?: unknown })._parent : undefined;
  return bare instanceof Socket ? bare : undefined;
}

/** Not by the class, for whose sake node:tls would be loaded, which takes time and which a Node.js without crypto has not got. */
export function isTls(socket: Socket): socket is TLSSocket {
  return (socket as Partial<TLSSocket>).encrypted === true;
}

export const TLS = Symbol('lingering-close.tls');

/** The TLSSocket over a connection, or the connection itself where there is none. */
export function topOf(bare: Socket & { [TLS]?: TLSSocket }): Socket {
  return bare[TLS] ?? bare;
}
