import Koa from 'koa';
import { BIG, closing, count, listen, SLOW, sleep } from './answers.mjs';

export async function start() {
  const app = new Koa();
  app.use(async (context) => {
    if (context.path === '/slow') await sleep(SLOW);
    context.body =
      context.path === '/big' ? BIG : context.path === '/upload' ? await count(context.req) : context.path.slice(1);
  });
  const server = await listen(app.callback());
  return { server, close: () => closing(server), asDocumented: (closeOnSignal) => closeOnSignal() };
}
