// The connections that a server accepted before lingerOnClose was called. Node has no documented list of them. The
// undocumented lists are asked; where they are missing, the connections that are open already are not covered.
import type { Server } from 'node:net';
import { Socket } from 'node:net';

/** The sockets of a server that keep the process alive, and those on which it speaks HTTP/1 (TLSSockets included). */
export function openSocketsOf(server: Server): Socket[] {
  return [...activeSocketsOf(server), ...httpSocketsOf(server)];
}

function activeSocketsOf(server: Server): Socket[] {
  const { _getActiveHandles: list } = process as { _getActiveHandles?: () => unknown[] };
  const handles = typeof list === 'function' ? list.call(process) : [];
  return handles.filter(
    (handle): handle is Socket => handle instanceof Socket && (handle as { server?: Server }).server === server,
  );
}

interface ConnectionsList {
  all?: () => { socket?: unknown }[];
}

/** From the list that closeAllConnections() uses. */
function httpSocketsOf(server: Server): Socket[] {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  const list = symbol && (server as unknown as Record<symbol, ConnectionsList | undefined>)[symbol];
  const parsers = typeof list?.all === 'function' ? list.all() : [];
  return parsers.map(({ socket }) => socket).filter((socket): socket is Socket => socket instanceof Socket);
}
