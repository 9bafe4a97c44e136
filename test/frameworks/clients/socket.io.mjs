// Two clients, one for each transport: both must be told of the end, so that they connect again elsewhere.
import { once } from 'node:events';
import { io } from 'socket.io-client';

const [port] = process.argv.slice(2);
const sockets = ['websocket', 'polling'].map((transport) =>
  io(`http://127.0.0.1:${port}`, { transports: [transport], reconnectionDelay: 50, forceNew: true }),
);
await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
const echoes = await Promise.all(sockets.map((socket) => socket.emitWithAck('echo', 'hello')));
const ends = sockets.map((socket) => new Promise((resolve) => socket.once('disconnect', resolve)));
const attempts = sockets.map((socket) => new Promise((resolve) => socket.io.once('reconnect_attempt', resolve)));
process.send('ready');
await once(process, 'message');
const reasons = await Promise.all(ends);
await Promise.all(attempts);
process.send({ echoes, reasons });
for (const socket of sockets) socket.disconnect();
process.disconnect();
