// Sockets above which output was thrown away that the connection has never seen, by a protocol that holds output itself
// (HTTP/2). That the peer's TCP has everything that was written then says nothing about what the application wrote.
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
