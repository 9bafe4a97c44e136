// The connections of a server that were accepted before anybody asked. Node has no list of them in its documented API: what it has is asked, and where that is missing, the connections that
// are open already are just not covered.
import type { Server } from 'node:net';
import { Socket } from 'node:net';

/** Sockets of a server that keep the process alive, and those on which it speaks HTTP/1, with their TLS. */
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

/** What closeAllConnections() goes through. */
function httpSocketsOf(server: Server): Socket[] {
  const symbol = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  );
  const list = symbol && (server as unknown as Record<symbol, ConnectionsList | undefined>)[symbol];
  const parsers = typeof list?.all === 'function' ? list.all() : [];
  return parsers.map(({ socket }) => socket).filter((socket): socket is Socket => socket instanceof Socket);
}
