// Proxies for Node.js, as their documentation sets them up. Each passes all that it gets on to one server, and answers
// 502 with the code of the error where that server cannot be asked.
import http from 'node:http';
import replyFrom from '@fastify/reply-from';
import fastify from 'fastify';
import httpProxy from 'http-proxy';
import { createProxyMiddleware } from 'http-proxy-middleware';
import { httpsAgent } from './agents.mjs';

const codeOf = (error) => error.code ?? error.message;
const answer502 = (error, response) => {
  if (!response.headersSent) response.writeHead(502).end(codeOf(error));
};

const agentFor = (target) => (target.startsWith('https:') ? httpsAgent : undefined);

/** Each gives the server of node:http that the proxy listens with. */
export const PROXIES = {
  'http-proxy': (target) => {
    const proxy = httpProxy.createProxyServer({ target, secure: false, agent: agentFor(target) });
    proxy.on('error', (error, _request, response) => answer502(error, response));
    return http.createServer((request, response) => proxy.web(request, response));
  },
  'http-proxy-middleware': (target) => {
    const on = { error: (error, _request, response) => answer502(error, response) };
    const middleware = createProxyMiddleware({ target, secure: false, agent: agentFor(target), on });
    return http.createServer((request, response) => middleware(request, response));
  },
  '@fastify/reply-from': async (target) => {
    const app = fastify();
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    app.register(replyFrom, { base: target, undici: { connect: { rejectUnauthorized: false } } });
    app.all('/*', (_request, reply) =>
      reply.from('/', { onError: (reply, { error }) => reply.code(502).send(codeOf(error)) }),
    );
    await app.ready();
    return app.server;
  },
};
