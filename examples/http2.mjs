// HTTP/2 (and HTTP/1 for clients without HTTP/2), with a shutdown that lets every stream finish. KEY and CERT name the
// files of the key and the certificate.
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { pipeline } from 'node:stream/promises';
import { closeServer, lingerOnClose } from 'lingering-close';

const { KEY = 'key.pem', CERT = 'cert.pem', PORT = 8443 } = process.env;

const server = createSecureServer(
  { key: readFileSync(KEY), cert: readFileSync(CERT), allowHTTP1: true },
  async (request, response) => {
    // An echo: the stream lasts as long as the client keeps it open.
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
  // GOAWAY goes to every session: no new streams start, and the open ones go on.
  const { finished, cut } = await closeServer(server, { timeout: 20_000 });
  console.log(`closed: ${finished} finished, ${cut} cut off`);
});

server.listen(PORT, () => console.log(`https://localhost:${server.address().port}/`));
