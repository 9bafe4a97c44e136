import type { Socket } from 'node:net';

/**
 * Milliseconds that a connection must have been idle before it is closed. A client that uses the connection again at
 * once has its next request on the way when FIN goes out, and would lose the request. In this time the request is
 * answered, and the client is told that the connection ends.
 *
 * @param settle the option of closeServer
 */
export function settleTime(_socket: Socket, settle: number): number {
  return settle;
}
