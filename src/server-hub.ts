// What is known of a server that lingers on close: its connections, and what becomes of each that it closes.
import { type Server, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Closing } from './closing.ts';
import { bareSocketOf, findDescriptor, isTls } from './descriptor.ts';
import { defineHidden, destroyNow, ownerOf, type SocketOwner, setOwner } from './destroy.ts';
import { LastResponses, type LastResponsesOwner } from './last-responses.ts';
import { engine } from './linger-loop.ts';
import { Lingering } from './lingering.ts';
import { openSocketsOf } from './open-sockets.ts';
import { watchRefusedUpgrade } from './refused-upgrades.ts';
import { type CheckedChoice, type CheckedServerOptions, checkChoice } from './server-options.ts';
import { isHardClose, mayReset } from './when-to-linger.ts';

const HUB = Symbol('lingering-close.server');
const TLS = Symbol('lingering-close.tls');
const PRUNE_AT = 64;

export function hubOf(server: Server): ServerHub | undefined {
  return (server as { [HUB]?: ServerHub })[HUB];
}

/** Whether it speaks HTTP, also HTTP/2. Not by the class, for whose sake node:https and node:http2 would be loaded. */
export function isHttp(server: Server): boolean {
  return 'closeIdleConnections' in server || 'updateSettings' in server;
}

function isTlsServer(server: Server): boolean {
  return 'setSecureContext' in server;
}

/** The TLSSocket over a connection, or the connection itself where there is none. */
export function topOf(bare: Socket & { [TLS]?: TLSSocket }): Socket {
  return bare[TLS] ?? bare;
}

export class ServerHub implements SocketOwner, LastResponsesOwner {
  readonly server: Server;
  #options: CheckedServerOptions | undefined;
  #lingering: Lingering | undefined;
  readonly #open = new Set<Socket>();
  #pruneAt = PRUNE_AT;
  /** The connection for which the `choose` function runs. */
  #asking: Socket | undefined;
  readonly #lastResponses: LastResponses;

  constructor(server: Server) {
    this.server = server;
    this.#lastResponses = new LastResponses(server, this);
    defineHidden(server, HUB, this);
  }

  get options(): CheckedServerOptions | undefined {
    return this.#options;
  }

  get lingering(): Lingering | undefined {
    return this.#lingering;
  }

  /** The connections that are open, without the TLS on top of them. */
  get open(): Iterable<Socket> {
    return this.#open;
  }

  attach(options: CheckedServerOptions): Lingering {
    if (!this.#lingering) {
      // In front of Node's own listener, which may close at once.
      this.server.prependListener('connection', this.#onConnection).prependListener('secureConnection', this.#onSecureConnection);
      if (isHttp(this.server)) this.#lastResponses.watch();
      for (const socket of openSocketsOf(this.server)) this.#adopt(socket);
    }
    this.#options = options;
    this.#lingering = new Lingering(options.maxLingering);
    return this.#lingering;
  }

  detach(lingering: Lingering): void {
    if (this.#lingering !== lingering) return;
    this.#lingering = undefined;
    this.#options = undefined;
    this.server.removeListener('connection', this.#onConnection).removeListener('secureConnection', this.#onSecureConnection);
    this.#lastResponses.unwatch();
  }

  readonly #onConnection = (socket: unknown): void => {
    // Anything that is a stream may be handed in, by an application that emits 'connection' itself.
    if (socket instanceof Socket) this.#adopt(socket);
  };

  readonly #onSecureConnection = (socket: TLSSocket): void => {
    this.#adoptTls(socket);
  };

  /** One that Node has accepted already. */
  adopt(socket: Socket): void {
    this.#adopt(socket);
  }

  #adopt(socket: Socket): void {
    const bare = bareSocketOf(socket);
    if (bare) {
      this.#adopt(bare);
      this.#adoptTls(socket as TLSSocket);
    } else if (!socket.destroyed && Object.isExtensible(socket)) {
      setOwner(socket, this);
      this.#open.add(socket);
      if (!isTlsServer(this.server)) this.#watchFinish(socket);
      if (this.#open.size >= this.#pruneAt) this.#prune();
    }
  }

  #adoptTls(socket: TLSSocket): void {
    const bare = bareSocketOf(socket);
    if (bare && ownerOf(bare) === this) defineHidden(bare, TLS, socket);
    this.#watchFinish(socket);
    // Without the addon it is the TLSSocket that has to discard, for the connection under it cannot be read past it.
    if (!bare || engine === 'streams') setOwner(socket, this);
  }

  #watchFinish(socket: Socket): void {
    if ('closeIdleConnections' in this.server) socket.removeListener('finish', onFinish).on('finish', onFinish);
  }

  onDestroy(socket: Socket, error: Error | undefined): void {
    const top = topOf(socket);
    const options = this.#options;
    // A `choose` function that destroys the socket has decided.
    const given = options && this.#asking !== socket && this.#canLinger(socket) ? this.#choose(options, top, socket, error) : undefined;
    if (socket.destroyed) return;
    if (!given) {
      destroyNow(socket, error);
      return;
    }
    this.#lingering?.add(given.timeout, (closing) => start(closing, socket, top, given, error));
  }

  /** The streams engine lingers on the TLSSocket, and cannot read a connection past one, be it one whose handshake goes on, or that nobody knows of. */
  #canLinger(socket: Socket): boolean {
    return engine === 'native' || isTls(socket) || !isTlsServer(this.server);
  }

  #choose(options: CheckedServerOptions, top: Socket, socket: Socket, error: Error | undefined): CheckedChoice | undefined {
    if (isHardClose(top, socket, error)) return undefined;
    this.#asking = socket;
    const choice = options.choose ? askHook(options, top) : options;
    this.#asking = undefined;
    return choice && mayReset(top, socket, choice.when, error) ? choice : undefined;
  }

  forget(socket: Socket): void {
    this.#open.delete(socket);
    this.#lastResponses.forget(topOf(socket));
  }

  get flushTimeout(): number {
    return this.#options?.timeout ?? Infinity;
  }

  giveUpFlush(socket: Socket): void {
    this.#lingering?.add(0, (closing) => closing.giveUpFlush(socket));
  }

  /** A socket that was sent to another process is never destroyed in this one. */
  #prune(): void {
    for (const socket of this.#open) if (findDescriptor(socket) < 0) this.#open.delete(socket);
    this.#pruneAt = Math.max(PRUNE_AT, 2 * this.#open.size);
  }
}

/** One function for all sockets. */
function onFinish(this: Socket & { server?: Server }): void {
  if (this.server && hubOf(this.server)?.options) watchRefusedUpgrade(this);
}

function start(closing: Closing, socket: Socket, top: Socket, options: CheckedChoice, error: Error | undefined): void {
  try {
    if (engine === 'native') closing.startDestroying(socket, options, error, top !== socket);
    else closing.start(socket, options);
  } catch (cause) {
    // A listener or an overridden method of the application.
    closing.fail(socket, cause as Error);
  }
}

function askHook(options: CheckedServerOptions, socket: Socket): CheckedChoice | undefined {
  try {
    const choice = options.choose?.(socket);
    if (choice === false) return undefined;
    return typeof choice === 'object' && choice !== null ? checkChoice({ ...options, ...choice }, options.when) : options;
  } catch (error) {
    // Node is in the middle of closing: whoever called destroy() is not who should hear of it.
    process.emitWarning(`The choose function of lingerOnClose() failed: ${(error as Error)?.message ?? error}`, {
      type: 'LingeringCloseWarning',
      code: 'LINGERING_CLOSE_CHOOSE',
    });
    return options;
  }
}
