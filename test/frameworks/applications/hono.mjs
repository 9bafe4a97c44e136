import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { BIG, closing, SLOW, sleep } from './answers.mjs';

export async function start() {
  const app = new Hono();
  app.get('/slow', async (context) => context.text((await sleep(SLOW)) ?? 'slow'));
  app.get('/big', (context) => context.body(BIG));
  app.get('/now', (context) => context.text('now'));
  app.post('/upload', async (context) => context.text(String((await context.req.arrayBuffer()).byteLength)));
  const server = await new Promise((resolve) => {
    const started = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () => resolve(started));
  });
  return { server, close: () => closing(server), asDocumented: (closeOnSignal) => closeOnSignal() };
}
