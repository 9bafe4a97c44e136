// Whether anything reads what a peer still sends.
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';

/**
 * - `'reads'`: a consumer takes data, waits for data, or is held up (a pipe).
 * - `'paused'`: there is a 'data' listener without a pipe, and the application has called `pause()`. It may resume.
 * - `'none'`: nothing takes data, unless the application attaches a new consumer.
 */
export type Consumer = 'reads' | 'paused' | 'none';

/** An application may emit 'request' by hand, so `incoming` may be anything. */
export interface Parser {
  incoming?: (Readable & { complete: boolean; upgrade?: boolean; _dumped?: boolean }) | null;
}

/** What reads a stream. */
export function consumerOf(stream: Readable & { _readableState?: { pipes?: unknown[] } }): Consumer {
  if (stream.destroyed) return 'none';
  if (stream.readableFlowing || stream.listenerCount('readable') > 0) return 'reads';
  if (stream.listenerCount('data') === 0) return 'none';
  // A pipe pauses its source while its destination is slow. Where the list of pipes is unknown, there may be one.
  return stream._readableState?.pipes?.length === 0 ? 'paused' : 'reads';
}

/**
 * The request of which a part has not come yet; `undefined` where there is none, where Node discards what comes, and
 * where the connection is upgraded: it goes on behind the request.
 */
export function unfinishedRequest({ incoming }: Parser): Readable | undefined {
  if (!(incoming instanceof Readable) || incoming.complete || incoming.upgrade || incoming._dumped) return undefined;
  return incoming;
}

/** What reads a connection that has sent FIN. What else could read it, an HTTP parser, can answer nothing more. */
export function consumerOfEnded(socket: Socket & { parser?: Parser | null }): Consumer {
  if (!socket.parser) return consumerOf(socket);
  const { incoming } = socket.parser;
  return incoming instanceof Readable && !incoming.readableEnded && !incoming._dumped ? consumerOf(incoming) : 'none';
}
