// The last response of a connection on which the client has sent a request before it had the answer to the one before
// (pipelining). Node has these responses in a queue that nothing else can see.

import diagnostics from 'node:diagnostics_channel';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type HttpSocket = Socket & { _httpMessage?: ServerResponse | null };

const queued = new WeakMap<Socket, ServerResponse>();

let watchers = 0;

/**
 * From here on, {@link lastResponseOf} also knows of responses that wait for the one before. It costs 30 ns a request.
 */
export function watchPipelining(): void {
  if (watchers++ === 0) diagnostics.subscribe('http.server.request.start', onRequest);
}

export function unwatchPipelining(): void {
  if (--watchers === 0) diagnostics.unsubscribe('http.server.request.start', onRequest);
}

// Published before Node gives the socket to the response.
function onRequest(message: unknown): void {
  const { response, socket } = message as { response: ServerResponse; socket: HttpSocket };
  if (socket._httpMessage) queued.set(socket, response);
}

/** The response to the last request of a connection, unless it is out already. */
export function lastResponseOf(socket: HttpSocket): ServerResponse | undefined {
  // No response waits where it is no response's turn.
  const last = socket._httpMessage ? queued.get(socket) : undefined;
  return last && !last.writableFinished && !last.destroyed ? last : currentResponseOf(socket);
}

/** The response whose turn it is. */
export function currentResponseOf(socket: HttpSocket): ServerResponse | undefined {
  return socket._httpMessage ?? undefined;
}
