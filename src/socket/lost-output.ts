// Sockets above which output was thrown away that the connection has never seen, by a protocol that holds output itself
// (HTTP/2). That the peer's TCP has everything that was written then says nothing about what the application wrote.
import type { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const LOST = Symbol('lingering-close.lost');

type Losing = Socket & { [LOST]?: true };

/** @param socket the socket that the application knows, or a Proxy of HTTP/2 for it */
export function markLostOutput(socket: Losing): void {
  socket[LOST] = true;
}

export function hasLostOutput(socket: Losing): boolean {
  return socket[LOST] === true;
}

type HttpSocket = Socket & {
  _httpMessage?: (OutgoingMessage & Partial<ServerResponse>) | null;
  parser?: { incoming?: IncomingMessage | null } | null;
};

/**
 * Whether HTTP/1 holds output of the application above the socket: chunks behind `response.cork()`, or responses that
 * wait for the one before (pipelining). A close of the socket loses them.
 */
export function holdsOutputAbove({ _httpMessage: message, parser, writableLength }: HttpSocket): boolean {
  if (!message) return false;
  if (message.writableLength > writableLength) return true;
  // Node.js tells nothing of the responses that wait, but the request that came last is not that of this response.
  return message.req !== undefined && parser?.incoming != null && message.req !== parser.incoming;
}
