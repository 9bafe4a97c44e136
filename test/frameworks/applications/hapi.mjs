import Hapi from '@hapi/hapi';
import { BIG, count, SLOW, sleep } from './answers.mjs';

export async function start() {
  const server = Hapi.server({ port: 0, host: '127.0.0.1' });
  const payload = { parse: false, output: 'stream' };
  server.route([
    { method: 'GET', path: '/slow', handler: () => sleep(SLOW).then(() => 'slow') },
    { method: 'GET', path: '/big', handler: () => BIG },
    { method: 'GET', path: '/now', handler: () => 'now' },
    { method: 'POST', path: '/upload', options: { payload }, handler: (request) => count(request.payload) },
  ]);
  server.ext('onPostStop', () => process.send({ hook: 'onPostStop' }));
  await server.start();
  return {
    server: server.listener,
    close: () => server.stop({ timeout: 20_000 }),
    asDocumented: (closeOnSignal) => closeOnSignal({ after: () => server.stop() }),
  };
}
