// A cluster whose workers are disconnected while connections linger. The exit code of a worker is the number of lingers
// that did not go on to their end.
import cluster from 'node:cluster';
import { once } from 'node:events';
import net from 'node:net';
import { serve } from '../lib/host.mjs';

async function work() {
  const { safeClose } = await import('lingering-close');
  let pending = 0;
  const server = net.createServer(async (socket) => {
    pending++;
    socket.once('close', () => process.send('lingering'));
    socket.write(Buffer.alloc(100, 'x'));
    const { outcome, delivered } = await safeClose(socket);
    if (outcome === 'eof' && delivered) pending--;
  });
  process.on('exit', () => {
    process.exitCode = pending;
  });
  server.listen(0, '127.0.0.1');
}

let workers = [];
let lingering = 0;

if (cluster.isPrimary) {
  serve({
    async start(count) {
      lingering = 0;
      workers = Array.from({ length: count }, () => {
        const worker = cluster.fork();
        worker.on('message', () => {
          lingering++;
          cluster.emit('lingering');
        });
        return { worker, listening: once(worker, 'listening'), exited: once(worker, 'exit') };
      });
      const all = await Promise.all(workers.map(({ listening }) => listening));
      return all[0][0].port;
    },

    /** Disconnects the workers as soon as `count` connections linger. */
    async disconnect(count) {
      while (lingering < count) await once(cluster, 'lingering');
      for (const { worker } of workers) worker.disconnect();
      await Promise.all(workers.map(({ worker }) => worker.isConnected() && once(worker, 'disconnect')));
    },

    exits: () => Promise.all(workers.map(async ({ exited }) => (await exited)[1] ?? (await exited)[0])),
  });
} else {
  work();
}
