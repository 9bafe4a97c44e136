// The end of an HTTP/2 stream whose request is not read. Node sends END_STREAM and, right behind it, RST_STREAM with
// NO_ERROR (RFC 9113, 8.1). A client that receives both at once may take the answer for a failure: curl 7.88 does. So
// RST_STREAM is held back: see http2-held-streams.ts. Nothing is read from the stream meanwhile, so its client gets no
// window, and can send no more than it has.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import { methodBehind } from '../socket/ownership.ts';
import type { HoldLimits } from './http2-held-streams.ts';
import { HeldStreams, isOpenToClient } from './http2-held-streams.ts';
import type { Http2Sessions } from './http2-sessions.ts';

const NO_ERROR = 0;

type Close = ServerHttp2Stream['close'];

/** Holds RST_STREAM back behind the early answers of a server. */
export class Http2EarlyAnswers {
  readonly #server: Server;
  readonly #sessions: Http2Sessions;
  readonly #held = new HeldStreams();
  /** One function for all streams. */
  readonly #close: Close;
  #active = false;

  constructor(server: Server, sessions: Http2Sessions) {
    this.#server = server;
    this.#sessions = sessions;
    const onClose = (stream: ServerHttp2Stream, args: Parameters<Close>) => this.#onClose(stream, args);
    this.#close = function (this: ServerHttp2Stream, ...args) {
      onClose(this, args);
    };
  }

  start(limits: HoldLimits): void {
    this.#held.limits = limits;
    if (this.#active) return;
    this.#active = true;
    this.#server.prependListener('stream', this.#onStream);
  }

  /** Streams that wait already wait on. */
  stop(): void {
    this.#active = false;
    this.#server.removeListener('stream', this.#onStream);
  }

  /** Runs for each request. A request without a body, which is over with its head, must cost next to nothing. */
  readonly #onStream = (stream: ServerHttp2Stream | undefined): void => {
    // An application may emit the event itself, with anything. What has no session is no stream of Node.
    if (!stream?.endAfterHeaders && stream?.session) stream.close = this.#close;
    if (this.#sessions.incomplete && stream?.session) this.#sessions.adopt(stream.session as ServerHttp2Session);
  };

  /** Node calls close() when the response is out and nothing has read the request. The application may call it too. */
  #onClose(stream: ServerHttp2Stream, args: Parameters<Close>): void {
    const close = methodBehind(stream, 'close', this.#close);
    const { session } = stream;
    const [code = NO_ERROR] = args;
    if (!this.#active || code !== NO_ERROR || !session || !isEarlyAnswer(stream)) {
      Reflect.apply(close, stream, args);
      return;
    }
    const reset = closeWithoutReset(stream, () => Reflect.apply(close, stream, args));
    if (!reset) return;
    const hold = () => this.#held.hold(stream, session, reset);
    if (stream.writableFinished) hold();
    else stream.once('finish', hold);
  }
}

/** The response is complete, and the client has more of the request to send. */
function isEarlyAnswer(stream: ServerHttp2Stream): boolean {
  return !stream.closed && stream.headersSent && stream.writableEnded && isOpenToClient(stream);
}

/**
 * Closes the stream, all but for the frame. Where the response is not out yet, close() leaves the frame to a listener
 * of 'finish'. So close() is told that it is not, and the listener is taken away.
 * @returns what sends the frame; `undefined` if close() has sent it
 */
function closeWithoutReset(stream: ServerHttp2Stream, close: () => void): (() => void) | undefined {
  const before = stream.listenerCount('finish');
  Object.defineProperty(stream, 'writableFinished', { value: false, configurable: true });
  try {
    close();
  } finally {
    delete (stream as { writableFinished?: boolean }).writableFinished;
  }
  if (stream.listenerCount('finish') !== before + 1) return undefined;
  const reset = stream.listeners('finish').at(-1) as () => void;
  stream.removeListener('finish', reset);
  return reset;
}
