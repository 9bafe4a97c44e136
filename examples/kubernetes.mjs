// A server that Kubernetes can replace while it is in use. Its pod has
// `readinessProbe: {httpGet: {path: /ready, port: 8080}}`, and 30 seconds from SIGTERM to SIGKILL
// (terminationGracePeriodSeconds).
import { createServer } from 'node:http';
import { closeOnSignal, lingerOnClose } from 'lingering-close';

const { PORT = 8080, DRAIN_DELAY = 5_000 } = process.env;

// Endpoints are taken out of load balancers while the pod is being ended, and not before: it still gets new connections
// for a while. 5 s for that, 12 s for the requests in flight and 2 s for their clients to read the answers are less
// than the 20 s that closeOnSignal leaves them: of its 25 s it keeps a fifth for `after`. A second SIGTERM ends the
// process at once.
const { closing } = closeOnSignal({
  drainDelay: Number(DRAIN_DELAY),
  timeout: 12_000,
  deadline: Number(DRAIN_DELAY) + 20_000,
  onReport: ({ idle, finished, cut }) => console.log(`closed: ${idle} idle, ${finished} finished, ${cut} cut off`),
  after: () => {
    // The place to close databases.
  },
});

const server = createServer((request, response) => {
  if (request.url === '/ready') {
    const ready = !closing.aborted;
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
server.listen(PORT, () => console.log(`http://localhost:${server.address().port}/`));
