import fastify from 'fastify';
import { BIG, count, SLOW, sleep } from './answers.mjs';

export async function start() {
  const app = fastify({ bodyLimit: 1 << 30 });
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  app.get('/slow', () => sleep(SLOW).then(() => 'slow'));
  app.get('/big', async () => BIG);
  app.get('/now', async () => 'now');
  app.post('/upload', ({ raw }) => count(raw));
  app.addHook('onClose', async () => process.send({ hook: 'onClose' }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    server: app.server,
    close: () => app.close(),
    asDocumented: (closeOnSignal) => closeOnSignal({ after: () => app.close() }),
  };
}
