// Two threads accept connections, exchange tagged bytes, and close in eight ways at once. So the number of each
// descriptor soon belongs to another connection. Each thread tells its port.
import { once } from 'node:events';
import net from 'node:net';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { safeClose, setLinger } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { HEADER, LAST_WORDS, REPLY, readHeader, tagged } from '../lib/tagged.mjs';

/**
 * Each way ends the linger by another event, timer or call. The times are such that some lingers are always under way.
 */
const WAYS = [
  ['eof', (socket) => safeClose(socket, {})],
  ['idle', (socket) => safeClose(socket, { idleTimeout: 80 })],
  ['timeout', (socket) => safeClose(socket, { timeout: 100 })],
  ['max-bytes', (socket) => safeClose(socket, { maxBytes: 100 })],
  ['aborted', (socket) => abortedSoon(socket)],
  ['delivered', (socket) => safeClose(socket, { until: 'delivered' })],
  ['drained', (socket) => safeClose(socket, { mode: 'drain' })],
  ['guarded', (socket) => guarded(socket)],
];
const figures = { opened: 0, racing: 0, lingers: 0, most: 0, faults: [], outcomes: {} };

function abortedSoon(socket) {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 2);
  return safeClose(socket, { signal: controller.signal });
}

/** With SO_LINGER > 0, close() would block: a duplicate lives longer than the socket, until the peer has everything. */
async function guarded(socket) {
  setLinger(socket, 1);
  const closed = once(socket, 'close');
  socket.end(() => socket.destroy());
  await closed;
  return { outcome: 'guarded' };
}

const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, async (socket) => {
  figures.opened++;
  if (figures.lingers >= WAYS.length) figures.racing++;
  socket.on('error', () => {});
  // Meanwhile the bytes wait in the kernel's queue, where another connection's linger could take them.
  for (let turns = figures.opened % 4; turns > 0; turns--) await new Promise(setImmediate);
  const received = await readRequest(socket);
  if (received.length < HEADER) return fault(socket, `a connection ended after ${received.length} bytes`);
  const { id, way, length } = readHeader(received);
  if (!received.equals(tagged(id, way, length)))
    return fault(socket, `connection ${id}: ${received.length} bytes are not the bytes that its peer sent`);
  socket.write(REPLY(id));
  // From now on the peer has the whole reply.
  if (!(await next(socket))) return fault(socket, `connection ${id} ended before its reply was confirmed`);
  socket.write(LAST_WORDS(id));
  figures.lingers++;
  figures.most = Math.max(figures.most, figures.lingers);
  const [name, close] = WAYS[way];
  const { outcome, error } = await close(socket);
  figures.lingers--;
  if (outcome === 'error') return fault(socket, `connection ${id}, ${name}: ${error}`);
  const key = `${name}: ${outcome}`;
  figures.outcomes[key] = (figures.outcomes[key] ?? 0) + 1;
});

function fault(socket, complaint) {
  figures.faults.push(complaint);
  socket.destroy();
}

async function readRequest(socket) {
  let received = Buffer.alloc(0);
  while (received.length < HEADER || received.length < readHeader(received).length) {
    const chunk = await next(socket);
    if (!chunk) break;
    received = Buffer.concat([received, chunk]);
  }
  return received;
}

/** The next chunk, or undefined at the end. */
function next(socket) {
  return new Promise((resolve) => {
    const settle = (chunk) => {
      socket.off('data', settle).off('end', settle).off('close', settle);
      socket.pause();
      resolve(Buffer.isBuffer(chunk) ? chunk : undefined);
    };
    socket.on('data', settle).on('end', settle).on('close', settle);
    socket.resume();
  });
}

await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }), 'listening');
const { port } = server.address();
if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [other] = await once(worker, 'message');
  const ask = async () => {
    worker.postMessage('figures');
    return (await once(worker, 'message'))[0];
  };
  serve({ ports: () => [port, other], figures: async () => [figures, await ask()] });
} else {
  parentPort.postMessage(port);
  parentPort.on('message', () => parentPort.postMessage(figures));
}
