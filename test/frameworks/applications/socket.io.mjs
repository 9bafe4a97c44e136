import http from 'node:http';
import { Server } from 'socket.io';
import { listen, respond } from './answers.mjs';

export async function start() {
  const server = http.createServer(respond);
  const io = new Server(server);
  io.on('connection', (socket) => socket.on('echo', (text, answer) => answer(text)));
  await listen(server);
  return {
    server,
    options: { goodbyeResponse: () => io.engine.close() },
    close: () => io.close(),
    asDocumented: (closeOnSignal) =>
      closeOnSignal({ before: () => io.close(), goodbyeResponse: () => io.engine.close() }),
  };
}
