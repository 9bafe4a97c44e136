// What each application answers, and how it listens.
import http from 'node:http';

export const BIG = Buffer.alloc(8 << 20, 'x');
/** Milliseconds that a request in flight takes. */
export const SLOW = 300;
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function count(stream) {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return String(bytes);
}

export async function respond(request, response) {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname === '/slow') await sleep(SLOW);
  response.end(
    { '/big': BIG, '/upload': pathname === '/upload' && (await count(request)), '/slow': 'slow' }[pathname] || 'now',
  );
}

export function listen(handler) {
  const server = typeof handler === 'function' ? http.createServer(handler) : handler;
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** `server.close()` of Node. */
export const closing = (server) =>
  new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
