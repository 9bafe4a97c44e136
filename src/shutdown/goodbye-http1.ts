// HTTP/1 in a server that is being closed: the last response of each connection says that the connection ends with it.

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { LastResponses } from '../server/last-responses.ts';
import { lastResponseOf } from '../server/pipelined-responses.ts';
import type { ServerHub } from '../server/server-hub.ts';
import { bareSocketOf, topOf } from '../socket/tls.ts';

export class GoodbyeResponses {
  readonly #responses: LastResponses;

  /**
   * @param concerns whether a connection is one of those that are being closed
   * @param isLate whether clients have had their time: see LastResponses
   */
  constructor(hub: ServerHub, concerns: (bare: Socket) => boolean, isLate: () => boolean) {
    this.#responses = new LastResponses({
      server: hub.server,
      concerns: (socket) => {
        // A TLSSocket that is older than lingerOnClose is first seen here.
        hub.adopt(socket);
        return concerns(bareSocketOf(socket) ?? socket);
      },
      isLate,
    });
    for (const bare of hub.open) {
      const socket = topOf(bare);
      const last = lastResponseOf(socket);
      if (last) this.#responses.tell(socket, last);
    }
  }

  stop(): void {
    this.#responses.stop();
  }

  /** See LastResponses. */
  withholds(response: ServerResponse): boolean {
    return this.#responses.withholds(response);
  }

  /** Asked while the connection is being destroyed: whether a request of this client stays without its answer. */
  losesRequest(bare: Socket): boolean {
    return this.#responses.losesRequest(topOf(bare));
  }
}
