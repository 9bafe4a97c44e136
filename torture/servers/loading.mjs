// A thread for each connection. Each thread loads the package anew, and so makes a discard loop of its own.
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { serve } from '../lib/host.mjs';

async function closeOne({ bytes }) {
  const { safeClose } = await import('lingering-close');
  const server = net.createServer(async (socket) => {
    server.close();
    const { remotePort } = socket;
    socket.write(Buffer.alloc(bytes, 'x'));
    parentPort.postMessage({ port: remotePort, ...(await safeClose(socket)) });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  parentPort.postMessage(server.address().port);
}

let ended;

if (isMainThread) {
  serve({
    async listen(way) {
      const worker = new Worker(new URL(import.meta.url), { workerData: way });
      const messages = [];
      worker.on('message', (message) => messages.push(message));
      ended = once(worker, 'exit').then(() => messages.slice(1));
      await once(worker, 'message');
      return messages[0];
    },
    reports: () => ended,
  });
} else {
  closeOne(workerData);
}
