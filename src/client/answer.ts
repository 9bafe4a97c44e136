// What Node's HTTP client knows about the answer that a socket carries. `_httpMessage` is the request in Node's own
// agents and in packages that extend them. Where it is missing, nothing is known, and the error ends the request.
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

type HttpSocket = Socket & { _httpMessage?: (ClientRequest & { res?: IncomingMessage | null }) | null };

function responseOf(socket: HttpSocket): IncomingMessage | null | undefined {
  return socket._httpMessage?.res;
}

/** Whether Node's HTTP client has sent a request by this socket, or sends it, and no answer has begun. */
export function awaitsAnswer({ _httpMessage: message }: HttpSocket): boolean {
  return message != null && !message.res;
}

/** Whether the parser has seen the last byte of the response: no error is due any more. */
export function hasWholeAnswer(socket: Socket): boolean {
  return responseOf(socket)?.complete === true;
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
