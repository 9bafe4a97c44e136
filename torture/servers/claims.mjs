// Servers that write an answer, and close so that a part of it may be thrown away above the connection.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import tls from 'node:tls';
import { lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { commands, watch } from '../lib/reports.mjs';

const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
const KEY = { key: pem, cert: pem };
const END = 'THE END';

/** `bytes`, and then the text with which an answer is whole. */
const answer = (bytes) => Buffer.from(`${'x'.repeat(bytes)}${END}`);

const SMALL = answer(100);
const LARGE = answer(20_000);
const HUGE = answer(4e6);

function answerSecond() {
  const answered = new WeakMap();
  return (request, response) => {
    const { socket } = request;
    const number = (answered.get(socket) ?? 0) + 1;
    answered.set(socket, number);
    response.end(number === 2 ? SMALL : 'the first one');
    if (number === 2) safeClose(socket);
  };
}

const WAYS = {
  pipelined: () => http.createServer(answerSecond()),
  corked: () =>
    http.createServer(({ socket }, response) => {
      response.write('a chunk');
      response.cork();
      response.write(END);
      safeClose(socket);
    }),
  'socket.cork': () =>
    http.createServer(({ socket }, response) => {
      socket.cork();
      response.end(SMALL);
      socket.destroy();
    }),
  'https, destroy': () =>
    https.createServer(KEY, ({ socket }, response) => {
      response.write(LARGE);
      response.write(END);
      socket.destroy();
    }),
  'tls, destroy': () =>
    tls.createServer(KEY, (socket) => {
      socket.once('data', () => {
        socket.write(HUGE);
        socket.destroy();
      });
    }),
  'HTTP/2, session': () => http2.createServer().on('stream', destroySession),
  'HTTP/2 over TLS, session': () => http2.createSecureServer(KEY).on('stream', destroySession),
  'HTTP/2, socket': () => {
    const sockets = new Map();
    const server = http2.createServer();
    server.on('connection', (socket) => sockets.set(socket.remotePort, socket));
    // `session.socket` does not let itself be destroyed.
    server.on('stream', (stream) => {
      stream.on('error', () => {}).respond();
      stream.end(HUGE);
      sockets.get(stream.session.socket.remotePort).destroy();
    });
    return server;
  },
};

function destroySession(stream) {
  stream.on('error', () => {}).respond();
  stream.end(LARGE);
  stream.session.destroy();
}

let server;

serve({
  ...commands,

  async listen(way) {
    server?.close();
    server = WAYS[way]();
    server.on('connection', watch).on('sessionError', () => {});
    lingerOnClose(server, { when: 'always' });
    await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }), 'listening');
    return server.address().port;
  },

  /** The reports that have come by now. */
  reportsByNow: () => commands.reports(0),

  /** Closes raw descriptors. What their reports say. */
  async raw(fds) {
    const reports = await Promise.all(fds.map((fd) => safeClose(fd, { idleTimeout: 300 })));
    await commands.reports(0);
    return reports.map(({ outcome, delivered, error }) => ({ outcome, delivered, error: error?.code }));
  },
});
