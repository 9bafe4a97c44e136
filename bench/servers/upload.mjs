// A server that answers every upload early, with 413 and `Connection: close`, and closes in one of the compared ways.
// args: the way, and options for lingerOnClose as JSON.
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { answerCommands } from './commands.mjs';

const [way, options] = process.argv.slice(2);
const forever = { idleTimeout: Infinity, timeout: Infinity };
let lingering;
const server = createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 600_000 });

const CLOSES = {
  /** Node.js itself closes: destroySoon() after the response. */
  node: () => () => {},
  /** What JavaScript alone can do: send FIN, and read on until the peer's FIN. */
  resume: () => (request) => {
    const { socket } = request;
    // Core's destroySoon() would close right after the FIN.
    socket.destroySoon = () => socket.end();
    request.resume();
    socket.resume();
  },
  safeClose: async () => {
    const { safeClose } = await import('lingering-close');
    return (request) => safeClose(request.socket, forever);
  },
  lingerOnClose: async () => {
    const { lingerOnClose } = await import('lingering-close');
    lingering = lingerOnClose(server, options ? JSON.parse(options) : { ...forever, maxLingering: Infinity });
    return () => {};
  },
};

const close = await CLOSES[way]();
server.on('request', (request, response) => {
  if (request.method === 'GET') {
    response.end('ok');
  } else {
    response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
    close(request);
  }
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(server.address().port));

answerCommands({
  lingering: () => ({
    active: lingering.active,
    ...lingering.totals,
    descriptors: readdirSync('/proc/self/fd').length,
  }),
});
