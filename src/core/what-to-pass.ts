// Advice for the message of an error: what an application passed in place of a server or a socket, and where that is
// found. By shape, since the frameworks are not dependencies. All of this may be anything, also something that throws.
import { Server, Socket } from 'node:net';

type Shape = Record<PropertyKey, unknown>;

/** A sentence about what to pass in place of `value` where a server is wanted, or ''. */
export function adviceForServer(value: unknown): string {
  return advice(value, (shape) => {
    if (Array.isArray(value)) return 'Call it for each server';
    if (value instanceof Server) return 'Pass the server itself, and not a Proxy of it';
    if (value instanceof Socket) return 'For a single connection there is safeClose(socket)';
    if (isHttp2Session(shape)) return 'An HTTP/2 session is one connection. Pass the server that it came from';
    if (shape['server'] instanceof Server) return 'Pass its server: app.server';
    if (shape['listener'] instanceof Server) return 'Pass its listener: server.listener';
    if (shape['httpServer'] instanceof Server) return 'Pass its server: httpServer';
    if (isFunction(shape['getHttpServer'])) return 'Pass app.getHttpServer()';
    if (isFunction(shape['then'])) return 'Await it first. With Fastify pass app.server';
    if (isFunction(shape['listen'])) return 'Pass what its listen() returns: const server = app.listen(port)';
    if (isFunction(shape['fetch'])) return 'Pass what serve() returns: const server = serve(app)';
    return '';
  });
}

/** A sentence about what to pass in place of `value` where a socket is wanted, or ''. */
export function adviceForSocket(value: unknown): string {
  if (value === null || value === undefined) {
    return 'The socket of a response is null once the response has been sent: keep request.socket before that';
  }
  return advice(value, (shape) => {
    if (value instanceof Server) return 'For a server there is closeServer(server)';
    if (isHttp2Session(shape))
      return 'Call the close() of an HTTP/2 session, or closeServer(server) for a whole server';
    if (isHttp2Session(shape['session']) || isHttp2Session(Object(shape['stream'])['session'])) {
      return 'HTTP/2 carries many requests on one connection: end the stream; lingerOnClose(server) does the rest';
    }
    if (shape['_socket'] instanceof Socket) return 'Call its own close(); lingerOnClose(server) does the rest';
    if ('socket' in shape) return 'Pass its socket: request.socket';
    if ('raw' in shape) return 'Pass its socket: reply.raw.socket';
    if (isFunction(shape['then'])) return 'Await it first';
    return '';
  });
}

function advice(value: unknown, find: (shape: Shape) => string): string {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return '';
  try {
    return find(value as Shape);
  } catch {
    return '';
  }
}

function isHttp2Session(value: unknown): boolean {
  return isFunction(Object(value)['goaway']) && isFunction(Object(value)['settings']);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}
