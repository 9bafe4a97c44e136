// Servers that answer and stop to read, each under lingerOnClose, and one whose event loop is blocked.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { lingerOnClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { arrivals, commands, watch } from '../lib/reports.mjs';

const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
const KEY = { key: pem, cert: pem };
const ANSWER = `${'x'.repeat(1_000)}THE END`;
const LENGTH = { 'Content-Length': ANSWER.length };

const HANDLERS = {
  /** A limit of a parser of forms: the rest is not read, and the connection may go on. */
  async stall(request, response) {
    for await (const _chunk of request) break;
    response.writeHead(413, LENGTH).end(ANSWER);
  },
  flush(request, response) {
    response.writeHead(413, { ...LENGTH, Connection: 'close' }).flushHeaders();
    response.end(ANSWER);
    request.destroy();
  },
  echo(request, response) {
    let received = 0;
    request.on('data', (chunk) => {
      received += chunk.length;
    });
    request.on('end', () => response.end(`got ${received}`));
  },
};

const end = (socket) => socket.end(ANSWER);

const SERVERS = {
  http: (how) => http.createServer(HANDLERS[how]).on('upgrade', (_request, socket) => end(socket)),
  https: (how) => https.createServer(KEY, HANDLERS[how]),
  net: () => net.createServer(end),
  tls: () => tls.createServer(KEY, end),
};

let server;
const sockets = new Set();

function remember(socket) {
  watch(socket);
  sockets.add(socket);
  socket.on('close', () => sockets.delete(socket));
}

serve({
  ...commands,

  async listen({ kind, how, options }) {
    server?.close();
    server = SERVERS[kind](how);
    Object.assign(server, { keepAliveTimeout: 65_000, keepAliveTimeoutBuffer: 0 });
    server.on('connection', remember);
    lingerOnClose(server, options);
    await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }), 'listening');
    return server.address().port;
  },

  /** Answers, and blocks the event loop for that many milliseconds, in which the idle connections are due. */
  block({ how, milliseconds }) {
    if (how === 'keepAliveTimeout') for (const socket of sockets) socket.setTimeout(milliseconds - 1_000);
    setTimeout(() => {
      const until = performance.now() + milliseconds;
      while (performance.now() < until);
      if (how !== 'keepAliveTimeout') server.closeIdleConnections();
    }, 50);
  },

  /** Resolves when all connections are gone. */
  async gone() {
    while (sockets.size > 0) await once(arrivals, 'closed');
  },
});
