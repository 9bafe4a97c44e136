// What Node's HTTP client knows about the answer that a socket carries. `_httpMessage` is the request in Node's own
// agents and in packages that extend them. Where it is missing, nothing is known, and the error ends the request.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';

type Response = IncomingMessage & { _dumped?: boolean };
type HttpSocket = Socket & { _httpMessage?: (ClientRequest & { res?: Response | null }) | null };

function responseOf(socket: HttpSocket): Response | null | undefined {
  return socket._httpMessage?.res;
}

/** Whether Node's HTTP client has sent a request by this socket, or sends it, and no answer has begun. */
export function awaitsAnswer({ _httpMessage: message }: HttpSocket): boolean {
  return message != null && !message.res;
}

/**
 * Whether the parser has seen the last byte of the response, and the application hears that the request is over without
 * an error. It hears of nothing at all where
 *
 * - nothing listens for the response. Node then throws it away.
 * - it waits for 'drain' by itself (superagent, a loop with `once(request, 'drain')`), or for 'finish' before it reads
 *   the response: from Node 24 on that does not come. pipe() and pipeline() end with 'close'; they listen for 'unpipe',
 *   or by `finished()` for 'complete'.
 */
export function hasWholeAnswer(socket: HttpSocket): boolean {
  const { _httpMessage: request } = socket;
  const response = responseOf(socket);
  if (response?.complete !== true || response._dumped === true) return false;
  if (!request) return true;
  const waitsForDrain = request.writableNeedDrain && request.listenerCount('drain') > 0;
  if (!waitsForDrain && !(hasNoReader(response) && waitsForFinish(request))) return true;
  return request.listenerCount('unpipe') > 0 || request.listenerCount('complete') > 0;
}

/** Whether the application has ended the request. Its 'finish' then comes with the callback of a write. */
export function hasEndedRequest(socket: HttpSocket): boolean {
  return socket._httpMessage?.writableEnded === true;
}

/** Whether the response has begun, and only EOF can tell that it is whole: RFC 9112 6.3, the last case. */
export function endsWithConnection(socket: Socket): boolean {
  const response = responseOf(socket);
  if (!response || response.complete) return false;
  const { 'content-length': length, 'transfer-encoding': coding } = response.headers;
  return length === undefined && coding === undefined;
}

/**
 * Whether the application has not begun to read the response, and is not done with its request: it sends more, or waits
 * for 'finish', as pipeline() does. It may read only when all is sent.
 */
export function isUnreadWhileSending(socket: HttpSocket): boolean {
  const { _httpMessage: request } = socket;
  const response = responseOf(socket);
  if (!request || !response || response.complete || !hasNoReader(response)) return false;
  return !request.writableEnded || waitsForFinish(request) || request.listenerCount('complete') > 0;
}

/** Node's own listener is always there, once the response has begun. */
function waitsForFinish(request: ClientRequest): boolean {
  return request.listeners('finish').some(({ name }) => name !== 'requestOnFinish');
}

/** Whether nothing reads the stream, and nothing has. */
export function hasNoReader(stream: Readable): boolean {
  return !stream.readableDidRead && stream.listenerCount('data') === 0 && stream.listenerCount('readable') === 0;
}
