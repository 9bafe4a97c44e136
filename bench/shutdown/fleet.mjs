// Rolling restarts on one port: a new process listens before the old one is told to end, so that a client can always
// connect. The primary process owns the port, and hands each connection to a worker that accepts it.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const { restarts, pause, ...server } = JSON.parse(process.argv[2]);
cluster.setupPrimary({ exec: fileURLToPath(new URL('server.mjs', import.meta.url)) });

let port = 0;

async function start() {
  const worker = cluster.fork({ SHUTDOWN_BENCH: JSON.stringify({ ...server, port }) });
  const [message] = await once(worker, 'message');
  port = message.port;
  return worker;
}

let worker = await start();
process.send({ port });
await once(process, 'message');
for (let i = 0; i < restarts; i++) {
  await new Promise((resolve) => setTimeout(resolve, pause));
  const old = worker;
  const next = await start();
  const gone = once(old, 'exit');
  old.process.kill('SIGTERM');
  // As an operator does with a process that does not end.
  const limit = setTimeout(() => old.process.kill('SIGKILL'), 3 * server.grace);
  await gone;
  clearTimeout(limit);
  worker = next;
}
process.send({ done: true });
await once(process, 'message');
worker.process.kill('SIGKILL');
await once(worker, 'exit');
process.disconnect();
