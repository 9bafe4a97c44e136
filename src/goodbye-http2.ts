// HTTP/2 in a server that is being closed: GOAWAY (RFC 9113, 6.8).
import type { ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { isTls } from './descriptor.ts';

const NO_ERROR = 0;
/** The highest stream there can be: "do not begin new ones", while all that are on their way are still taken. */
const ANY_STREAM = 2 ** 31 - 1;

export class GoodbyeHttp2 {
  readonly #server: Server;
  readonly #sessions: Iterable<ServerHttp2Session>;

  constructor(server: Server, sessions: Iterable<ServerHttp2Session>) {
    this.#server = server;
    this.#sessions = sessions;
    for (const session of sessions) announce(session);
    server.on('session', announce);
  }

  /** Sessions end with the streams that they have. */
  closeAll(): void {
    for (const session of this.#sessions) session.close();
    this.#server.removeListener('session', announce).on('session', close);
  }

  stop(): void {
    this.#server.removeListener('session', announce).removeListener('session', close);
  }

  /** Whether a connection has HTTP/2 on it. */
  speaks(socket: Socket): boolean {
    return 'updateSettings' in this.#server && (!isTls(socket) || socket.alpnProtocol === 'h2');
  }
}

function announce(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.goaway(NO_ERROR, ANY_STREAM);
}

/** A connection that was accepted when listening stopped may still have its first request on its way. */
function close(session: ServerHttp2Session): void {
  session.once('stream', () => session.close());
}
