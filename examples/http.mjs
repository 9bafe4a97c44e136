// An HTTP server that refuses uploads over 1 MB at once. Every client can read the 413, also a client that sends its
// whole body before it looks for an answer.
import { createServer } from 'node:http';
import { lingerOnClose } from 'lingering-close';

const LIMIT = 1_000_000;

const server = createServer((request, response) => {
  let received = 0;
  request.on('data', (chunk) => {
    received += chunk.length;
    if (received <= LIMIT || response.headersSent) return;
    // The server does not wait for the rest of the body, so the connection cannot be used again.
    response.writeHead(413, { Connection: 'close', 'Content-Type': 'text/plain' });
    response.end(`At most ${LIMIT} bytes, please.\n`);
  });
  request.on('end', () => {
    if (response.headersSent) return;
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.end(`${received} bytes received.\n`);
  });
});

lingerOnClose(server);

server.listen(process.env.PORT ?? 8080, () => console.log(`http://localhost:${server.address().port}/`));
