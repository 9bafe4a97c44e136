// HTTP/1 requests that the application gets a moment later: when the event loop has read what their clients have sent
// with them. A client that pipelines sends several requests in one segment. Node gives the application the first one
// while it parses this segment, and cannot know by then whether another one follows.

import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { throwLater } from '../core/throw-later.ts';
import { nextTick, setImmediate } from '../core/time.ts';
import { tryDefineHidden } from '../socket/ownership.ts';

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/** Node's own property: whether a client that has ended its side still gets its answers. */
type HttpServer = Server & { httpAllowHalfOpen?: boolean | undefined };

interface Waiting {
  requests: unknown[][];
  stop: () => void;
}

/** The `emit` of each that has stopped, and what it had taken the place of: it may still lie below another one. */
const over = new WeakMap<Emit, PropertyDescriptor | undefined>();

/** Takes the place of `server.emit` on a single server, for as long as some of its requests are deferred. */
export class DeferredRequests {
  readonly #server: HttpServer;
  readonly #emit: Emit;
  readonly #onUpgrade: (socket: Socket) => void;
  /** False where the application has put an `emit` of its own there for good: then it gets each request at once. */
  readonly #takes: boolean;
  /** Responses to requests that the application has not got: deferred where there is a socket, else kept from it. */
  readonly #announced = new WeakMap<object, Socket | null>();
  /** Responses that the application has not got yet, or never gets. */
  readonly #withheld = new WeakSet<object>();
  readonly #waiting = new Map<Socket, Waiting>();
  #giveBack: () => void;

  /** @param onUpgrade called before the application gets a connection whose protocol changes */
  constructor(server: Server, onUpgrade: (socket: Socket) => void) {
    this.#server = server;
    this.#onUpgrade = onUpgrade;
    const before = Object.getOwnPropertyDescriptor(server, 'emit');
    this.#emit = server.emit as Emit;
    const emit: Emit = (event, ...args) =>
      this.#take(event, args) || Reflect.apply(this.#emit, server, [event, ...args]);
    this.#takes = tryDefineHidden(server, 'emit', emit);
    this.#giveBack = () => {
      over.set(emit, before);
      // Another one has been put in its place, which may call this one.
      if ((server.emit as Emit) !== emit) return;
      let below = before;
      while (below && over.has(below.value)) below = over.get(below.value);
      if (below) Object.defineProperty(server, 'emit', below);
      else delete (server as Partial<Server>).emit;
    };
  }

  /** Node has made this response, and tells the application of its request next. */
  announce(response: object, socket: Socket): void {
    if (!this.#takes) return;
    this.#announced.set(response, socket);
    this.#withheld.add(response);
  }

  /** The application does not get the request of this response. */
  keep(response: object): void {
    if (!this.#takes) return;
    this.#announced.set(response, null);
    this.#withheld.add(response);
  }

  /** Whether the application does not know of this response. */
  withholds(response: object): boolean {
    return this.#withheld.has(response);
  }

  stop(): void {
    this.#giveBack();
    for (const socket of [...this.#waiting.keys()]) this.#flush(socket);
  }

  /** @returns whether the event is not passed on now */
  #take(event: string | symbol, args: unknown[]): boolean {
    switch (event) {
      case 'request':
      case 'checkContinue':
      case 'checkExpectation': {
        // An application may emit these events itself.
        const response = args[1];
        const socket = response instanceof Object ? this.#announced.get(response) : undefined;
        if (socket === undefined) return false;
        this.#announced.delete(response as object);
        if (socket) this.#defer(socket, [event, ...args]);
        return true;
      }
      case 'upgrade':
      case 'connect': {
        const { socket } = (args[0] ?? {}) as Partial<IncomingMessage>;
        if (socket) this.#onUpgrade(socket);
        if (socket) this.#flush(socket);
        return false;
      }
      case 'clientError':
        this.#flush(args[1] as Socket);
        return false;
      default:
        return false;
    }
  }

  #defer(socket: Socket, request: unknown[]): void {
    const waiting = this.#waiting.get(socket) ?? this.#wait(socket);
    waiting.requests.push(request);
    // One for each: what the application throws for a request must not keep the next one.
    setImmediate(() => this.#next(socket, waiting));
  }

  #wait(socket: Socket): Waiting {
    const server = this.#server;
    const { httpAllowHalfOpen } = server;
    // At the EOF of a client Node ends the connection, and aborts requests that are not answered. Without us, these
    // requests might have been answered by now: the connection ends behind their answers.
    const beforeNode = () => {
      server.httpAllowHalfOpen = true;
      socket.allowHalfOpen = true;
      this.#flush(socket);
      // A listener of the application may throw: then no other one is called.
      nextTick(behindNode);
    };
    const behindNode = () => {
      server.httpAllowHalfOpen = httpAllowHalfOpen;
    };
    socket.prependListener('end', beforeNode).on('end', behindNode);
    const stop = () => void socket.removeListener('end', beforeNode).removeListener('end', behindNode);
    const waiting = { requests: [], stop };
    this.#waiting.set(socket, waiting);
    return waiting;
  }

  #next(socket: Socket, waiting: Waiting): void {
    const request = waiting.requests.shift();
    if (waiting.requests.length === 0 && this.#waiting.get(socket) === waiting) {
      this.#waiting.delete(socket);
      waiting.stop();
    }
    if (!request) return;
    this.#withheld.delete(request[2] as object);
    Reflect.apply(this.#emit, this.#server, request);
  }

  /** What the application throws for a request must stop neither the other requests nor who has called here. */
  #flush(socket: Socket): void {
    const waiting = this.#waiting.get(socket);
    while (waiting && waiting.requests.length > 0) {
      try {
        this.#next(socket, waiting);
      } catch (error) {
        throwLater(error);
      }
    }
  }
}
