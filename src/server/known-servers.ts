// The servers of this thread that may listen.

import diagnostics from 'node:diagnostics_channel';
import { Server } from 'node:net';

/** Weakly held: a server that the application has dropped is gone. */
const known = new Set<WeakRef<Server>>();
const seen = new WeakSet<Server>();
let pruneAt = 64;

/** Those that were told to listen, and do not yet: a name is being looked up, or a cluster worker asks its primary. */
const pending = new WeakSet<Server>();

export function rememberServer(server: Server): void {
  if (seen.has(server)) return;
  seen.add(server);
  known.add(new WeakRef(server));
  if (known.size < pruneAt) return;
  for (const reference of known) if (!reference.deref()) known.delete(reference);
  pruneAt = Math.max(64, 2 * known.size);
}

const watchers = new Set<(server: Server) => void>();

/** Calls `run` for each server that is told to listen from here on. @returns a function that cancels this */
export function onListen(run: (server: Server) => void): () => void {
  watchers.add(run);
  return () => watchers.delete(run);
}

// Node publishes each listen() of a server of any kind.
diagnostics.subscribe('tracing:net.server.listen:asyncStart', (message) => {
  const { server } = message as { server: Server };
  pending.add(server);
  rememberServer(server);
  for (const run of watchers) run(server);
});

const listeningWatchers = new Set<(server: Server) => void>();

/** Calls `run` for each server as soon as it listens, before 'listening'. @returns a function that cancels this */
export function onListening(run: (server: Server) => void): () => void {
  listeningWatchers.add(run);
  return () => listeningWatchers.delete(run);
}

for (const end of ['asyncEnd', 'error'])
  diagnostics.subscribe(`tracing:net.server.listen:${end}`, (message) => {
    const { server } = message as { server: Server };
    pending.delete(server);
    if (end === 'asyncEnd') for (const run of listeningWatchers) run(server);
  });

/**
 * The servers of this thread that listen, or are about to, and those that still have connections. Of servers that
 * listen since before the package was loaded, those that keep the process alive are found by their handles; an
 * `unref()`ed one, and one of a cluster worker whose primary listens, only when it has had a connection or
 * lingerOnClose.
 */
export function listeningServers(): Server[] {
  const { _getActiveHandles: handles } = process as { _getActiveHandles?: () => unknown[] };
  if (typeof handles === 'function')
    for (const handle of handles.call(process)) if (handle instanceof Server) rememberServer(handle);
  return (
    [...known]
      .map((reference) => reference.deref())
      .filter((server) => server !== undefined)
      // One that takes no property cannot be served: see validateServer().
      .filter((server) => Object.isExtensible(server))
      .filter((server) => server.listening || pending.has(server) || hasConnections(server))
  );
}

/** Whether it has been closed, and has connections still. */
function hasConnections(server: Server): boolean {
  return ((server as { _connections?: number })._connections ?? 0) > 0;
}
