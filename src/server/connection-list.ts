// The open connections of a server.

import type { Socket } from 'node:net';
import { placeOf, setPlace } from '../socket/ownership.ts';

/**
 * An array in no order. Each socket knows its index. It is not a Set: a Set makes a new table after every few dozen
 * sockets that come and go. The tables that an old Set leaves behind are old too, and they keep closed sockets alive,
 * with all their requests, until the next full garbage collection.
 */
export class Connections {
  readonly #sockets: Socket[] = [];

  get size(): number {
    return this.#sockets.length;
  }

  has(socket: Socket): boolean {
    const place = placeOf(socket);
    // V8 looks up an index of -1 as a name, which is slow.
    return place >= 0 && this.#sockets[place] === socket;
  }

  /** Adds a socket that is not in the list yet, and whose owner has this list. */
  add(socket: Socket): void {
    setPlace(socket, this.#sockets.push(socket) - 1);
  }

  /** @returns whether the socket was in the list */
  delete(socket: Socket): boolean {
    if (!this.has(socket)) return false;
    const place = placeOf(socket);
    const last = this.#sockets.pop() as Socket;
    if (last !== socket) {
      this.#sockets[place] = last;
      setPlace(last, place);
    }
    return true;
  }

  /** The sockets of this moment. */
  all(): Socket[] {
    return this.#sockets.slice();
  }
}
