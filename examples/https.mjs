// Over TLS: an upload without a token is refused before its body has arrived. KEY and CERT name the files of the key
// and the certificate.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { lingerOnClose } from 'lingering-close';

const { KEY = 'key.pem', CERT = 'cert.pem', TOKEN = 'secret', PORT = 8443 } = process.env;

const server = createServer({ key: readFileSync(KEY), cert: readFileSync(CERT) }, (request, response) => {
  if (request.headers.authorization !== `Bearer ${TOKEN}`) {
    response.writeHead(401, { Connection: 'close', 'WWW-Authenticate': 'Bearer', 'Content-Type': 'text/plain' });
    response.end('Who are you?\n');
    return;
  }
  let received = 0;
  request.on('data', (chunk) => {
    received += chunk.length;
  });
  request.on('end', () => {
    response.writeHead(200, { 'Content-Type': 'text/plain' });
    response.end(`${received} bytes received.\n`);
  });
});

lingerOnClose(server);

server.listen(PORT, () => console.log(`https://localhost:${server.address().port}/`));
