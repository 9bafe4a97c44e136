// Two WebSockets that are idle: both are told to go away.
import { once } from 'node:events';
import WebSocket from 'ws';

const [port] = process.argv.slice(2);
const sockets = [1, 2].map(() => new WebSocket(`ws://127.0.0.1:${port}`));
await Promise.all(sockets.map((socket) => once(socket, 'open')));
const ends = sockets.map((socket) => once(socket, 'close').then(([code]) => code));
process.send('ready');
process.send({ ends: await Promise.all(ends) });
process.disconnect();
