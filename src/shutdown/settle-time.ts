import type { Socket } from 'node:net';
import { roundTripOf } from '../socket/round-trip.ts';

/**
 * A request that a client sends as soon as it has an answer comes one round trip behind that answer. The others are for
 * the client's own time: a client whose request meets our FIN on the way loses it, and that way is long.
 */
const ROUND_TRIPS = 4;

/** Milliseconds: the most that a long round trip makes of it. A peer can pretend to be as far away as it likes. */
const MOST = 2_000;

/**
 * Milliseconds that a connection must have been idle before it is closed. A client that uses the connection again at
 * once has its next request on the way when FIN goes out, and would lose the request. In this time the request is
 * answered, and the client is told that the connection ends. A peer far away needs more of it than one nearby.
 *
 * @param settle the option of closeServer: the least. With 0 there is no such time
 */
export function settleTime(socket: Socket, settle: number): number {
  if (settle === 0) return 0;
  return Math.max(settle, Math.min(ROUND_TRIPS * (roundTripOf(socket) ?? 0), MOST));
}

/** Whether a connection that has been idle for so long has been idle for {@link settleTime}. */
export function hasSettled(socket: Socket, idleFor: number, settle: number): boolean {
  if (idleFor < settle) return false;
  // The kernel is only asked where it matters.
  return settle === 0 || idleFor >= MOST || idleFor >= settleTime(socket, settle);
}
