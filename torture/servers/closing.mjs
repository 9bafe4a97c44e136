// A server that closes each of its connections as its parent has said, and keeps the reports.

import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const arrivals = new EventEmitter().setMaxListeners(0);
let reports = [];
let closed = 0;
let server;

subscribe('lingering-close:end', ({ remotePort, report: { error, ...report } }) => {
  reports.push({ port: remotePort, ...report, ...(error && { error: error.code, syscall: error.syscall }) });
  arrivals.emit('report');
});

/** Of a connection that is over nobody can tell whose it was: a Socket that was asked before keeps the answer. */
function keepAddress(socket) {
  return socket.remotePort;
}

/** `when`: the event of the socket behind which it is closed, or 'word', at the parent's word. */
function closingServer({ bytes, when, options }) {
  const answer = Buffer.alloc(bytes, 'x');
  return net.createServer({ allowHalfOpen: true }, async (socket) => {
    keepAddress(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      closed++;
      arrivals.emit('closed');
    });
    if (when === 'end') socket.resume();
    if (when) await once(when === 'word' ? arrivals : socket, when);
    socket.write(answer);
    safeClose(socket, options);
  });
}

/** An early answer, and it is Node that closes. */
function answeringServer({ bytes, options }) {
  const answer = Buffer.alloc(bytes, 'x');
  const answering = http.createServer((_request, response) => {
    response.writeHead(413, { Connection: 'close', 'Content-Length': bytes }).end(answer);
  });
  answering.on('connection', keepAddress);
  lingerOnClose(answering, options);
  return answering;
}

serve({
  async listen({ host = '127.0.0.1', ...way }) {
    server?.close();
    server = (way.http ? answeringServer : closingServer)(way);
    await once(server.listen({ port: 0, host, backlog: 1_024 }), 'listening');
    return server.address().port;
  },

  word() {
    arrivals.emit('word');
  },

  /** When so many sockets are gone, and it is duplicates that linger. */
  async closed(count) {
    while (closed < count) await once(arrivals, 'closed');
    closed = 0;
  },

  /** So many, as soon as there are. */
  async reports(count) {
    while (reports.length < count) await once(arrivals, 'report');
    const taken = reports;
    reports = [];
    return taken;
  },
});
