// The server that is shut down, the same for all ways. It answers a GET after 20 ms. It answers a POST after half a
// second with `response` bytes, and never reads the body.
import http from 'node:http';
import { ADAPTERS } from './adapters.mjs';

const { adapter, port = 0, response: size = 0, ...options } = JSON.parse(process.argv[2] ?? process.env.SHUTDOWN_BENCH);

const server = http.createServer((request, response) => {
  if (request.method === 'POST') {
    process.send({ request: true });
    setTimeout(() => response.end(Buffer.alloc(size, 'x')), 500);
  } else {
    setTimeout(() => response.end('x'.repeat(1_000)), 20);
  }
});
const shutDown = await ADAPTERS[adapter].prepare(server, options);
server.listen(port, '127.0.0.1', () => process.send({ port: server.address().port }));

process.once('SIGTERM', async () => {
  await shutDown();
  process.exit();
});
