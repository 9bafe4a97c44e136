// The server that is shut down, the same for all ways. It answers a GET after 20 ms. It answers a POST after half a
// second with `response` bytes, and never reads the body.
import cluster from 'node:cluster';
import { readFileSync, writeSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import { ADAPTERS } from './adapters.mjs';

const {
  adapter,
  protocol = 'http',
  port = 0,
  response: size = 0,
  ...options
} = JSON.parse(process.argv[2] ?? process.env.SHUTDOWN_BENCH);

const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
const tls = { key: pem, cert: pem };
const make = {
  http: (handler) => http.createServer({ keepAliveTimeout: 60_000 }, handler),
  https: (handler) => https.createServer({ ...tls, keepAliveTimeout: 60_000 }, handler),
  http2: (handler) => http2.createSecureServer(tls, handler),
}[protocol];
const server = make((request, response) => {
  if (request.method === 'POST') {
    process.send({ request: true });
    setTimeout(() => response.end(Buffer.alloc(size, 'x')), 500);
  } else {
    setTimeout(() => response.end('x'.repeat(1_000)), 20);
  }
});
server.on('sessionError', () => {});
const shutDown = await ADAPTERS[adapter].prepare(server, options);

let before = process.cpuUsage();
process.prependOnceListener('SIGTERM', () => {
  before = process.cpuUsage();
});
process.on('exit', () => {
  const { user, system } = process.cpuUsage(before);
  writeSync(1, String((user + system) / 1_000));
});
if (shutDown) {
  process.once('SIGTERM', async () => {
    await shutDown();
    process.exit();
  });
}

// The event loop stands still until that many connections wait with their requests; then it is told to end.
process.once('message', ({ block }) => {
  if (!block) return;
  const local = `:${server.address().port.toString(16).toUpperCase().padStart(4, '0')}`;
  const waiting = () =>
    readFileSync('/proc/self/net/tcp', 'latin1')
      .split('\n')
      .map((row) => row.trim().split(/ +/))
      .filter(
        ([, address = '', , state, queues = '']) =>
          address.endsWith(local) && state === '01' && !queues.endsWith(':00000000'),
      ).length;
  process.send('blocked');
  const limit = performance.now() + 10_000;
  while (waiting() < block && performance.now() < limit) {}
  process.kill(process.pid, 'SIGTERM');
});
server.listen(port, '127.0.0.1', () => {
  process.send({ port: server.address().port });
  // The channel would keep a process alive that ends by itself. A cluster worker has it in any case.
  if (!cluster.isWorker) process.channel.unref();
});
