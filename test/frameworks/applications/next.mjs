// A custom server. `next build` in ../next has to come before.
import { fileURLToPath } from 'node:url';
import next from 'next';
import { listen } from './answers.mjs';

export async function start() {
  const app = next({ dev: false, dir: fileURLToPath(new URL('../next', import.meta.url)) });
  const handle = app.getRequestHandler();
  await app.prepare();
  const server = await listen((request, response) => {
    const url = new URL(request.url, 'http://x');
    handle(Object.assign(request, { url: `/api${url.pathname}` }), response);
  });
  return {
    server,
    close: () => app.close(),
    asDocumented: (closeOnSignal) => closeOnSignal({ after: () => app.close() }),
  };
}
