// HTTP/2 in a server that is being closed: GOAWAY (RFC 9113, 6.8).

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { MAX_DELAY, setTimeout } from '../core/time.ts';
import type { ServerHub } from '../server/server-hub.ts';
import { isTls } from '../socket/tls.ts';
import { settleTime } from './settle-time.ts';

const NO_ERROR = 0;
/** The highest stream number: the client begins no new streams, and streams on their way are still taken. */
const ANY_STREAM = 2 ** 31 - 1;

interface SessionState {
  streams?: Map<number, ServerHttp2Stream>;
}

export class GoodbyeHttp2 {
  readonly #hub: ServerHub;
  /** Milliseconds for streams that their client began before it was told. */
  readonly #settle: number;
  /** The sessions that are being closed, where the server listens again; else all. */
  #only: Set<ServerHttp2Session> | undefined;
  readonly #told = new WeakSet<ServerHttp2Session>();
  #listens = true;

  constructor(hub: ServerHub, settle: number) {
    this.#hub = hub;
    this.#settle = settle;
    for (const session of hub.sessions) if (session.state.lastProcStreamID) this.#announce(session);
    hub.server.prependListener('stream', this.#onStream);
  }

  /** From here on, a session ends with the streams that it has, once it has had one. */
  stopListening(): void {
    this.#listens = false;
  }

  /** Sessions end with the streams that they have. */
  closeAll(): void {
    for (const session of this.#sessions) session.close();
  }

  /** The sessions that are made from here on are left alone. */
  leaveNewOnes(): void {
    this.#only = new Set(this.#hub.sessions);
  }

  /** The streams that are open. Node lists them under a symbol of its own; without that list there are none here. */
  streams(): ServerHttp2Stream[] {
    return [...this.#sessions].flatMap((session) => {
      const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
      const state = symbol && (session as unknown as Record<symbol, SessionState | undefined>)[symbol];
      // A Map of another realm's prototype: `instanceof` does not tell.
      return typeof state?.streams?.values === 'function' ? [...state.streams.values()] : [];
    });
  }

  get #sessions(): Iterable<ServerHttp2Session> {
    return this.#only ?? this.#hub.sessions;
  }

  stop(): void {
    this.#hub.server.removeListener('stream', this.#onStream);
  }

  /** Whether a connection has HTTP/2 on it. */
  speaks(socket: Socket): boolean {
    return 'updateSettings' in this.#hub.server && (!isTls(socket) || socket.alpnProtocol === 'h2');
  }

  // A session is told with its first stream: a client that is told before may not begin any stream. A session that is
  // older than lingerOnClose is first seen here.
  readonly #onStream = ({ session }: ServerHttp2Stream): void => {
    // A stream that is destroyed has no session, whatever the types of Node 20 say.
    if (!session || !('close' in session)) return;
    if (this.#only && !this.#only.has(session as ServerHttp2Session)) return;
    this.#hub.adoptSession(session as ServerHttp2Session);
    if (this.#listens) this.#announce(session as ServerHttp2Session);
    else session.close();
  };

  #announce(session: ServerHttp2Session): void {
    if (session.closed || session.destroyed || this.#told.has(session)) return;
    this.#told.add(session);
    session.goaway(NO_ERROR, ANY_STREAM);
    setTimeout(() => session.close(), Math.min(settleTime(session.socket, this.#settle), MAX_DELAY)).unref();
  }
}
