// The open connections of a server.

import type { Socket } from 'node:net';
import { placeOf, setPlace } from '../socket/ownership.ts';

/**
 * An array in no order, each socket of which knows its place. Not a Set: its table is made anew with every few dozens that come and go, and where the Set has grown old so are the
 * tables it leaves behind, which keep closed sockets alive, with all of their requests, to the next full garbage collection.
 */
export class Connections {
  readonly #sockets: Socket[] = [];

  get size(): number {
    return this.#sockets.length;
  }

  has(socket: Socket): boolean {
    const place = placeOf(socket);
    // An index of -1 would be looked up as a name, slowly, once a connection.
    return place >= 0 && this.#sockets[place] === socket;
  }

  /** One whose owner has this list, and which is not in it yet. */
  add(socket: Socket): void {
    setPlace(socket, this.#sockets.push(socket) - 1);
  }

  /** Whether it was there. */
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

  /** Those of this moment. */
  all(): Socket[] {
    return this.#sockets.slice();
  }
}
