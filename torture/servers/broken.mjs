// A server of HTTP/2 over TLS that streams, and a net server that destroys sockets that have no connection.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { connect, createServer, Socket } from 'node:net';
import { lingerOnClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { arrivals, commands, watch } from '../lib/reports.mjs';

const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
const CHUNK = Buffer.alloc(2 ** 14);

let server;
let lingering;
let streaming = 0;
let accepted = [];
let asked = 0;

function stream(stream) {
  stream.on('error', () => {}).respond();
  // At a pace: many streams at full speed would leave no time for the handshakes of the others.
  const timer = setInterval(() => (stream.destroyed ? clearInterval(timer) : stream.write(CHUNK)), 20);
  streaming++;
  arrivals.emit('streaming');
}

/** A process that takes sockets and closes them. */
let taker;
function startTaker() {
  taker ??= fork(new URL('taker.mjs', import.meta.url).pathname, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return taker;
}

/** By name: makes a socket that has no connection of this process, from one that has. */
const WAYS = {
  async 'sent to another process'(socket) {
    const child = startTaker();
    const taken = once(child, 'message');
    child.send('socket', socket);
    await taken;
    return socket;
  },
  async 'never connected'(socket) {
    socket.destroy();
    const never = new Socket();
    server.emit('connection', never);
    return never;
  },
  async connecting(socket) {
    socket.destroy();
    const connecting = connect(server.address().port, '127.0.0.1').on('error', () => {});
    server.emit('connection', connecting);
    return connecting;
  },
};

serve({
  ...commands,

  async listen(kind) {
    server?.close();
    streaming = 0;
    server = kind === 'http2' ? createSecureServer({ key: pem, cert: pem }) : createServer();
    server.on('sessionError', () => {}).on('connection', watch);
    if (kind === 'http2') server.on('stream', stream);
    else server.on('connection', (socket) => accepted.push(socket));
    lingering = lingerOnClose(server, kind === 'http2' ? {} : { when: 'always', choose: () => void asked++ });
    await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }), 'listening');
    return server.address().port;
  },

  /** Resolves as soon as so many streams have begun. */
  async streaming(count) {
    while (streaming < count) await once(arrivals, 'streaming');
  },

  state: () => ({ active: lingering.active, outcomes: lingering.totals.outcomes, asked }),

  /** Destroys sockets without a connection: for each, how long Node.js took to close it, and what was thrown. */
  async destroy({ way, count }) {
    while (accepted.length < count) await once(server, 'connection');
    const sockets = accepted.splice(0, count);
    const results = [];
    for (const socket of sockets) {
      const disconnected = await WAYS[way](socket);
      const before = asked;
      const closed = once(disconnected, 'close');
      let thrown;
      try {
        disconnected.destroy();
      } catch (error) {
        thrown = String(error);
      }
      await closed;
      results.push({ thrown, asked: asked - before });
    }
    accepted = [];
    return results;
  },

  async stopTaker() {
    if (!taker) return;
    const exit = once(taker, 'exit');
    taker.disconnect();
    taker = undefined;
    await exit;
  },
});
