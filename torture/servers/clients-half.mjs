// The client under test: it uploads to a server of lab/clients/resetting-server.py, which answers early and resets.
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { clients } from '../../lab/clients/clients.mjs';
import { resetting } from '../../lab/clients/resetting.mjs';
import { startServer } from '../../lab/clients/server.mjs';
import { serve } from '../lib/host.mjs';

let server;
let visitor;
let visits;

const commands = {
  /** One server for all visits of a row. */
  async start({ client, server: { tls = false, ...options }, ...more }) {
    server = await startServer({ tls, ...options });
    const { address } = server;
    visitor = { address, tls, go: () => server.go(), standStill: () => server.standStill(), ...more };
    visits = clients[client];
  },
  visit: () => visits(visitor),
  async stop() {
    await server.stop();
  },

  /** Uploads by http.request, in great number: how each ended, and milliseconds to its error. */
  async startMany(kind) {
    server = await resetting({ kind, scheme: 'http' });
  },
  async visitMany(count) {
    const results = [];
    for (let i = 0; i < count; i++) results.push(await server.visit());
    return results;
  },

  /** A Worker is terminated while an error waits. @returns its exit code */
  async terminate() {
    // With the options of this process: register-clients is there too.
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { address: visitor.address } });
    const said = new Promise((resolve) => worker.once('message', resolve));
    await said;
    // The server resets, and the next write of the Worker meets that.
    await server.standStill();
    worker.postMessage('write');
    await new Promise((resolve) => worker.once('message', resolve));
    return worker.terminate();
  },
};

async function wait({ address }) {
  const { connect } = await import('node:net');
  const socket = connect(address).on('error', () => {});
  socket.write(Buffer.alloc(40_000), () => parentPort.postMessage('sent'));
  // Not once(): the port keeps the Worker alive, whose event loop would be empty otherwise.
  parentPort.on('message', () => {
    socket.write('x', () => parentPort.postMessage('over'));
    // The answer is unread, and so the error waits.
    setImmediate(() => setImmediate(() => parentPort.postMessage('waiting')));
  });
}

if (isMainThread) await serve(commands);
else await wait(workerData);
