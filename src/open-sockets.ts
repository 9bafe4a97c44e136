// The connections of a server that were accepted before anybody asked.
import { type Server, Socket } from 'node:net';

/**
 * Sockets of a server that keep the process alive. Node has no list of them in its documented API. `process._getActiveHandles()` is the oldest way to one, and where
 * it is missing the connections that are open already are just not covered.
 */
export function openSocketsOf(server: Server): Socket[] {
  const { _getActiveHandles: list } = process as { _getActiveHandles?: () => unknown[] };
  const handles = typeof list === 'function' ? list.call(process) : [];
  return handles.filter((handle): handle is Socket => handle instanceof Socket && (handle as { server?: Server }).server === server);
}
