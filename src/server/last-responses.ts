// The last response of an HTTP/1 connection that is to end: it says `Connection: close`, and those before it do not.
//
// It is said by `shouldKeepAlive`, with which Node itself decides what `Connection` says where the application has not
// written this header. A header of our own would take the application's writeHead() on another path, on which raw
// header lists lose duplicates, and tuples throw. Where the application does write `Connection`, its word stands.
//
// Which response is the last one is decided when its head is made, and no earlier: the client may send another request
// until then (pipelining). A connection that ended with the response before would lose that request.

import diagnostics from 'node:diagnostics_channel';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server, Socket } from 'node:net';
import { pendingBytesOf } from '../socket/queues.ts';
import { bareSocketOf, isTls } from '../socket/tls.ts';
import { DeferredRequests } from './deferred-requests.ts';
import { parserListOf } from './parser-list.ts';

interface Message {
  server: Server;
  response: Response;
  socket: HttpSocket;
}

/**
 * `_last`: the connection ends with this response. `_removedConnection`: the application has removed the header
 * `Connection`.
 */
type Response = ServerResponse & { _last?: boolean; _removedConnection?: boolean };
type HttpSocket = Socket & { parser?: unknown; _httpMessage?: ServerResponse | null };

/** `GET / HTTP/1.1`, and the empty line behind it. Less is no request: some clients send an empty line too many. */
const SHORTEST_REQUEST = 18;

/** What Node and the application have set as `shouldKeepAlive`, and whether the connection may stay open. */
interface KeepAlive {
  wanted: boolean;
  allowed: () => boolean;
}

const keepAlives = new WeakMap<Response, KeepAlive>();

export interface EndingConnections {
  readonly server: Server;
  /** Whether a connection ends with its last response. Asked at each request, before the application gets it. */
  concerns(socket: Socket): boolean;
  /**
   * Whether clients have had their time. From then on a connection ends with the response to what has arrived, and the
   * application does not get the requests behind that: a client that always has more on its way would keep it open.
   */
  isLate(): boolean;
}

export class LastResponses {
  readonly #connections: EndingConnections;
  readonly #requests: DeferredRequests;
  readonly #last = new WeakMap<Socket, Response>();
  /** Connections with a request that the application has not got. */
  readonly #unanswered = new WeakSet<Socket>();

  constructor(connections: EndingConnections) {
    this.#connections = connections;
    // The next response belongs to another protocol, and the application ends the connection.
    this.#requests = new DeferredRequests(connections.server, (socket) => this.#last.delete(socket));
    diagnostics.subscribe('http.server.request.start', this.#onRequest);
  }

  stop(): void {
    diagnostics.unsubscribe('http.server.request.start', this.#onRequest);
    this.#requests.stop();
  }

  /** The connection ends with this response, unless the client has sent more. */
  tell(socket: Socket, response: Response): void {
    this.#last.set(socket, response);
    if (response.headersSent) return;
    const allowed = () => this.#staysOpen(socket, response);
    const known = keepAlives.get(response);
    if (known) {
      known.allowed = allowed;
      return;
    }
    const keepAlive: KeepAlive = { wanted: response.shouldKeepAlive, allowed };
    keepAlives.set(response, keepAlive);
    Reflect.defineProperty(response, 'shouldKeepAlive', {
      configurable: true,
      enumerable: true,
      get: () => keepAlive.wanted && keepAlive.allowed(),
      set: (value) => {
        keepAlive.wanted = value;
      },
    });
  }

  /** Whether the application does not know of this response: it gets the request a moment later, or not at all. */
  withholds(response: ServerResponse): boolean {
    return this.#requests.withholds(response);
  }

  /** Asked while the connection is being destroyed: whether a request of this client stays without its answer. */
  losesRequest(socket: HttpSocket): boolean {
    if (this.#unanswered.has(socket)) return true;
    const last = this.#last.get(socket);
    if (!last) return false;
    // Behind a response with which the connection has ended, it is no response's turn.
    if (!last.writableFinished && !socket._httpMessage) return true;
    // Under TLS, what waits may be the farewell of the client (close_notify).
    return !isTls(socket) && last.req?.complete === true && pendingBytesOf(socket) >= SHORTEST_REQUEST;
  }

  // Published before Node gives the application the request.
  readonly #onRequest = (message: unknown): void => {
    const { server, response, socket } = message as Message;
    if (server !== this.#connections.server || !this.#connections.concerns(socket)) return;
    const before = this.#last.get(socket);
    const ends = before?.headersSent ? before._last : before && this.#connections.isLate();
    if (ends) {
      // RFC 9112, 9.6: a server must not process requests behind the response that has said "close".
      this.#unanswered.add(socket);
      this.#requests.keep(response);
      return;
    }
    this.#requests.announce(response, socket);
    this.tell(socket, response);
  };

  #staysOpen(socket: HttpSocket, response: Response): boolean {
    // Without the header, the client would not know of the end, and send its next request into it.
    if (this.#last.get(socket) !== response || response._removedConnection) return true;
    if (this.#connections.isLate()) return false;
    const { req } = response;
    if (this.#isInRequest(socket) && (req.complete || !hasBody(req))) return true;
    const waiting = pendingBytesOf(bareSocketOf(socket) ?? socket);
    return req.complete && (isTls(socket) ? waiting > 0 : waiting >= SHORTEST_REQUEST);
  }

  /** Whether a part of a request has been read, and the rest of it has not. */
  #isInRequest({ parser }: HttpSocket): boolean {
    return parserListOf(this.#connections.server)?.active().includes(parser) ?? false;
  }
}

/** Whether a request has a body, which may still be on its way. Without one, its end comes right behind its head. */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
