import http from 'node:http';
import { WebSocketServer } from 'ws';
import { listen, respond } from './answers.mjs';

export async function start() {
  const server = http.createServer(respond);
  const wss = new WebSocketServer({ server });
  wss.on('connection', (webSocket) => webSocket.on('message', (data) => webSocket.send(String(data))));
  await listen(server);
  const leave = () => {
    for (const client of wss.clients) client.close(1001);
  };
  return {
    server,
    close: async () => {
      leave();
      await new Promise((resolve) => wss.close(resolve));
    },
    asDocumented: (closeOnSignal) =>
      closeOnSignal({
        goodbye: () => {
          for (const client of wss.clients) client.close(1001);
        },
      }),
  };
}
