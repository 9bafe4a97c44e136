// The HTTP/2 sessions of a server, and what a session still holds when its connection is closed. The frames of a
// session do not pass through the streams of its socket, so the socket does not show them.

import { EventEmitter } from 'node:events';
import type { Http2Session, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { markLostOutput } from '../socket/lost-output.ts';
import { methodBehind } from '../socket/ownership.ts';

const SESSION = Symbol('lingering-close.session');

interface OnSocket {
  readonly session: ServerHttp2Session;
  /** The connection is cut off: it does not linger. */
  aborted: boolean;
}

type SessionSocket = Socket & { [SESSION]?: OnSocket };

const ENHANCE_YOUR_CALM = 11;

export class Http2Sessions {
  readonly #server: Server;
  readonly #known = new Set<ServerHttp2Session>();
  /** Whether a session may have begun before start(). Node has no list of them: each becomes known with a stream. */
  incomplete = false;

  constructor(server: Server) {
    this.#server = server;
  }

  get all(): Iterable<ServerHttp2Session> {
    return this.#known;
  }

  start(): void {
    if (!this.#server.listeners('session').includes(this.#onSession)) this.#server.on('session', this.#onSession);
  }

  stop(): void {
    this.#server.removeListener('session', this.#onSession);
  }

  /** An application may emit the event itself, with anything. */
  readonly #onSession = (session: unknown): void => {
    if (session instanceof EventEmitter && 'goaway' in session) this.adopt(session as ServerHttp2Session);
  };

  adopt(session: ServerHttp2Session): void {
    if (this.#known.has(session) || session.destroyed || !session.socket) return;
    this.#known.add(session);
    session.once('close', () => this.#known.delete(session));
    // `session.socket` is a Proxy, which puts the property on the socket itself.
    (session.socket as SessionSocket)[SESSION] = { session, aborted: false };
    if (Object.hasOwn(session, 'destroy')) replaced.set(session, session.destroy);
    session.destroy = destroySession;
  }
}

/** What an application had put in the place of the method of the class. */
const replaced = new WeakMap<Http2Session, Http2Session['destroy']>();

/** One function for all sessions. Node calls it too, at the end of each session. */
function destroySession(this: Http2Session, ...args: Parameters<Http2Session['destroy']>): void {
  if (!this.destroyed) beforeDestroy(this, args);
  Reflect.apply(replaced.get(this) ?? methodBehind(this, 'destroy', destroySession), this, args);
}

function beforeDestroy(session: Http2Session, args: Parameters<Http2Session['destroy']>): void {
  const socket = session.socket as SessionSocket;
  const onSocket = socket[SESSION];
  if (holdsOutput(session)) markLostOutput(socket);
  // The client has broken the session off, or is told that it asks too much.
  const { goawayCode } = session as { goawayCode?: number };
  if (onSocket && (goawayCode || (args as unknown[]).includes(ENHANCE_YOUR_CALM))) onSocket.aborted = true;
}

/**
 * To be called when the socket is destroyed, before Node takes the session off it. If the session was not destroyed
 * before, what it holds is thrown away: an abort, as with any socket that holds output.
 *
 * @param socket the socket that the application knows: a TLSSocket where there is TLS
 */
export function noteDestroy(socket: SessionSocket): void {
  const onSocket = socket[SESSION];
  if (onSocket && !onSocket.session.destroyed && holdsOutput(onSocket.session)) onSocket.aborted = true;
}

/** Whether the connection of a session is cut off, and is to be closed as Node does. */
export function isAborted(socket: SessionSocket): boolean {
  return socket[SESSION]?.aborted === true;
}

/**
 * Errors with which Node destroys a session after it has told the client why, by GOAWAY. With all others it cuts off a
 * client that asks too much: floods of PING, SETTINGS and CONTINUATION, too many invalid frames, rejected streams or
 * bytes of memory.
 */
export function isAnsweredByHttp2({ code, errno = 0 }: NodeJS.ErrnoException): boolean {
  if (code === 'ERR_HTTP2_SESSION_ERROR') return true;
  return code === 'ERR_HTTP2_ERROR' && (errno > NGHTTP2_ERR_FATAL || errno === NGHTTP2_ERR_BAD_CLIENT_MAGIC);
}

/**
 * A client of HTTP/2 can send no more than its window behind an error. What sends more is a flood, and is not listened
 * to for as long as a linger may last.
 */
export function limitByHttp2<Choice extends { maxBytes: number }>(
  choice: Choice,
  cause: NodeJS.ErrnoException | null | undefined,
): Choice {
  if (cause?.code !== 'ERR_HTTP2_ERROR' || cause.errno === NGHTTP2_ERR_BAD_CLIENT_MAGIC) return choice;
  return { ...choice, maxBytes: Math.min(choice.maxBytes, MAX_BYTES_BEHIND_AN_ERROR) };
}

/** The window of a connection in Node is 64 KB, unless the application makes it larger. */
const MAX_BYTES_BEHIND_AN_ERROR = 1 << 20;
const NGHTTP2_ERR_FATAL = -900;
/** The first bytes are not HTTP/2: mostly a client of HTTP/1. */
const NGHTTP2_ERR_BAD_CLIENT_MAGIC = -903;

interface SessionState {
  /** A Map of Node's own, and no instance of the class Map. */
  streams: { forEach(callback: (stream: ServerHttp2Stream) => void): void };
  writeQueueSize: number;
}

/** Whether the application has written what has not left the process, or whether this cannot be known. */
function holdsOutput(session: Http2Session): boolean {
  const symbol = Object.getOwnPropertySymbols(session).find(({ description }) => description === 'state');
  const state = symbol && (session as unknown as Record<symbol, Partial<SessionState> | undefined>)[symbol];
  if (typeof state?.streams?.forEach !== 'function' || state.writeQueueSize !== 0) return true;
  let holds = (session.state.outboundQueueSize ?? 0) > 0;
  state.streams.forEach((stream) => {
    holds ||= streamHoldsOutput(stream);
  });
  return holds;
}

function streamHoldsOutput(stream: ServerHttp2Stream): boolean {
  return stream.writableLength > 0 || (stream.writableEnded && stream.headersSent && stream.state.localClose === 0);
}
