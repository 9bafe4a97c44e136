// A server that Kubernetes can replace while it is in use. Its pod has `readinessProbe: {httpGet: {path: /ready, port: 8080}}`, and 30 seconds from SIGTERM to SIGKILL
// (terminationGracePeriodSeconds).
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
  // Whoever cannot wait says it twice.
  process.once('SIGTERM', () => closeServer(server, { signal: AbortSignal.abort() }));
  // Endpoints are taken out of load balancers while the pod is being ended, and not before: it still gets new connections for a while. 5 s for that, 20 s for
  // the requests in flight and 2 s for their clients to read the answers are less than 30.
  const { idle, finished, cut, aborted } = await closeServer(server, {
    drainDelay: Number(DRAIN_DELAY),
    timeout: 20_000,
    lingerTimeout: 2_000,
  });
  console.log(`closed: ${idle} idle, ${finished} finished, ${cut} cut off`);
  // The place to close data bases. Nothing is lost by an exit from here on.
  process.exit(aborted ? 1 : 0);
});

server.listen(PORT, () => console.log(`http://localhost:${server.address().port}/`));
