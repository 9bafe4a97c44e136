// A server that answers every upload early, with 413 and `Connection: close`, and closes in one of the ways that are compared. args: the way.
import { createServer } from 'node:http';

const [way] = process.argv.slice(2);
const forever = { idleTimeout: Infinity, timeout: Infinity };

const CLOSES = {
  /** As Node closes by itself: destroySoon() behind the response. */
  node: async () => () => {},
  /** What can be done in JavaScript: FIN, and read on to the peer's. */
  resume: async () => (request) => {
    const { socket } = request;
    // Core's destroySoon() would close behind the FIN.
    socket.destroySoon = () => socket.end();
    request.resume();
    socket.resume();
  },
  safeClose: async () => {
    const { safeClose } = await import('lingering-close');
    return (request) => safeClose(request.socket, forever);
  },
};

const close = await CLOSES[way]();
const server = createServer({ requestTimeout: 0, headersTimeout: 0 }, (request, response) => {
  if (request.method === 'GET') return response.end('ok');
  response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
  close(request, response);
});
server.on('clientError', (_error, socket) => socket.destroy());
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(server.address().port));
