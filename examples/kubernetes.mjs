// A server that Kubernetes can replace while it is in use. Its pod has `readinessProbe: {httpGet: {path: /ready, port:
// 8080}}`, and 30 seconds from SIGTERM to SIGKILL (terminationGracePeriodSeconds).
import { createServer } from 'node:http';
import { closeServer, lingerOnClose } from 'lingering-close';

const { PORT = 8080, DRAIN_DELAY = 5_000 } = process.env;
let ready = true;

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    response.writeHead(ready ? 200 : 503, { 'Content-Type': 'text/plain' }).end(ready ? 'ready\n' : 'shutting down\n');
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

process.once('SIGTERM', async () => {
  ready = false;
  // A second SIGTERM ends the process at once.
  process.once('SIGTERM', () => closeServer(server, { signal: AbortSignal.abort() }));
  // Kubernetes takes the pod out of its load balancers only after SIGTERM, so new connections still arrive for a while.
  // 5 s for them, 20 s for the requests in flight and 2 s for the clients to read their answers: 27 s, less than 30.
  const { idle, finished, cut, aborted } = await closeServer(server, {
    drainDelay: Number(DRAIN_DELAY),
    timeout: 20_000,
    lingerTimeout: 2_000,
  });
  console.log(`closed: ${idle} idle, ${finished} finished, ${cut} cut off`);
  // Close databases here. From here on an exit loses nothing.
  process.exit(aborted ? 1 : 0);
});

server.listen(PORT, () => console.log(`http://localhost:${server.address().port}/`));
