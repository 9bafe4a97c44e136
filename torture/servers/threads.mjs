// Workers that are terminated at a stage of their closes. Main thread and Worker are in one file.

import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { serve } from '../lib/host.mjs';

const answer = Buffer.alloc(100, 'x');
const tooMuch = Buffer.alloc(4 << 20, 'x');

function reached() {
  parentPort.postMessage('reached');
}

/** Never leaves JavaScript, so that the thread is terminated there. */
function stay() {
  reached();
  for (;;);
}

/** By stage: what a Worker does with a connection. */
const STAGES = {
  flushing:
    ({ safeClose }) =>
    (socket) => {
      socket.write(tooMuch);
      safeClose(socket);
      setImmediate(reached);
    },
  lingering:
    ({ safeClose }) =>
    (socket) => {
      socket.write(answer);
      safeClose(socket);
      socket.once('close', reached);
    },
  // The addon calls this listener.
  published:
    ({ safeClose }) =>
    (socket) => {
      subscribe('lingering-close:end', stay);
      socket.write(answer);
      safeClose(socket);
    },
  reported:
    ({ safeClose }) =>
    (socket) => {
      socket.write(answer);
      safeClose(socket).then(reached);
    },
  choosing: ({ lingerOnClose, server }) => {
    lingerOnClose(server, { choose: stay });
    return (socket) => socket.end(answer).destroySoon();
  },
  holding:
    ({ setLinger }) =>
    (socket) => {
      setLinger(socket, 3);
      reached();
    },
  exiting:
    ({ safeClose }) =>
    (socket) => {
      socket.write(answer);
      safeClose(socket);
      socket.once('close', () => process.exit());
    },
};

async function listen() {
  const server = net.createServer();
  server.on('connection', STAGES[workerData]({ ...(await import('lingering-close')), server }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  parentPort.postMessage(server.address().port);
}

let workers = [];

async function start(stage) {
  const worker = new Worker(new URL(import.meta.url), { workerData: stage });
  const [port] = await once(worker, 'message');
  const exited = once(worker, 'exit').then(([code]) => code);
  return { worker, port, exited, reached: stage === 'exiting' ? exited : once(worker, 'message') };
}

if (isMainThread) {
  serve({
    async start({ stage, count }) {
      workers = await Promise.all(Array.from({ length: count }, () => start(stage)));
      return workers.map(({ port }) => port);
    },

    /** Terminates the Workers when they have reached the stage. Resolves with their exit codes. */
    async terminate() {
      await Promise.all(workers.map(({ reached }) => reached));
      for (const { worker } of workers) worker.terminate();
      return Promise.all(workers.map(({ exited }) => exited));
    },

    /** Terminates Workers while they load the package, at random times. */
    terminateLoading: ({ count, within }) =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const worker = new Worker(new URL(import.meta.url), { workerData: 'lingering' });
          await delay(Math.random() * within);
          return worker.terminate();
        }),
      ),
  });
} else {
  listen();
}
