// Fastify answers 413 as soon as a body exceeds bodyLimit, and then closes the connection.
import fastify from 'fastify';
import { lingerOnClose } from 'lingering-close';

const app = fastify({ bodyLimit: 1_000_000 });

app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

app.post('/', (request, reply) => {
  reply.send(`${request.body?.length ?? 0} bytes received.\n`);
});

lingerOnClose(app.server);

const address = await app.listen({ port: Number(process.env.PORT ?? 8080) });
console.log(`${address}/`);
