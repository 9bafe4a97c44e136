import express from 'express';
import { BIG, closing, count, listen, SLOW } from './answers.mjs';

export async function start() {
  const app = express();
  app.get('/slow', (_request, response) => setTimeout(() => response.send('slow'), SLOW));
  app.get('/big', (_request, response) => response.send(BIG));
  app.get('/now', (_request, response) => response.send('now'));
  app.post('/upload', async (request, response) => response.send(await count(request)));
  const server = await listen(app);
  return { server, close: () => closing(server), asDocumented: (closeOnSignal) => closeOnSignal() };
}
