import http from 'node:http';
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginDrainHttpServer } from '@apollo/server/plugin/drainHttpServer';
import { expressMiddleware } from '@as-integrations/express5';
import express from 'express';
import { listen, respond, SLOW, sleep } from './answers.mjs';

export async function start(order) {
  const app = express();
  const server = http.createServer(app);
  const ends = {
    serverWillStart: async () => ({ serverWillStop: async () => process.send({ hook: 'serverWillStop' }) }),
  };
  const apollo = new ApolloServer({
    typeDefs: 'type Query { now: String, slow: String }',
    resolvers: { Query: { now: () => 'now', slow: () => sleep(SLOW).then(() => 'slow') } },
    plugins: [ends, ...(order === 'own signals' ? [ApolloServerPluginDrainHttpServer({ httpServer: server })] : [])],
    stopOnTerminationSignals: order === 'own signals',
  });
  await apollo.start();
  const graphql = expressMiddleware(apollo);
  app.get(['/now', '/slow'], (request, response, next) => {
    // A query in the URL. Apollo wants to know that it is not a browser's (CSRF).
    request.url = `/?query={${request.path.slice(1)}}`;
    request.headers['apollo-require-preflight'] = 'true';
    request.body = {};
    graphql(request, response, next);
  });
  app.use(respond);
  await listen(server);
  return {
    server,
    close: () => apollo.stop(),
    asDocumented: (closeOnSignal) => closeOnSignal({ after: () => apollo.stop() }),
  };
}
