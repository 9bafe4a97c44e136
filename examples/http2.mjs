// HTTP/2 (and HTTP/1 for those who speak nothing else), and a shutdown that lets every stream come to its end. KEY and CERT name the files of the certificate.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import { closeServer, lingerOnClose } from 'lingering-close';

const { KEY = 'key.pem', CERT = 'cert.pem', PORT = 8443 } = process.env;

const server = createSecureServer(
  { key: readFileSync(KEY), cert: readFileSync(CERT), allowHTTP1: true },
  async (request, response) => {
    // An echo: a stream that lasts for as long as its client likes.
    response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
    try {
      await pipeline(request, response);
    } catch (error) {
      console.error(`${request.url}: ${error.message}`);
    }
  },
);

lingerOnClose(server);

process.once('SIGTERM', async () => {
  // GOAWAY to every session: no new streams, and those that are open go on.
  const { finished, cut } = await closeServer(server, { timeout: 20_000 });
  console.log(`closed: ${finished} finished, ${cut} cut off`);
});

server.listen(PORT, () => console.log(`https://localhost:${server.address().port}/`));
