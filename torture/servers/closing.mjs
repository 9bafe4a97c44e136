// A server that closes each of its connections as its parent has said, and keeps the reports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { arrivals, commands, watch } from '../lib/reports.mjs';

/** `when`: the event of the socket behind which it is closed, or 'word', at the parent's word. */
function closingServer({ bytes, when, options }) {
  const answer = Buffer.alloc(bytes, 'x');
  return net.createServer({ allowHalfOpen: true }, async (socket) => {
    watch(socket);
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
  answering.on('connection', watch);
  lingerOnClose(answering, options);
  return answering;
}

/** How many sockets a child process finds open when it starts. */
async function inheritedBy() {
  const child = spawn('ls', ['-l', '/proc/self/fd'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  // But for its standard output, which is one too.
  return output.match(/socket:/g).length - 1;
}

let server;

serve({
  ...commands,

  async listen({ host = '127.0.0.1', ...way }) {
    server?.close();
    server = (way.http ? answeringServer : closingServer)(way);
    await once(server.listen({ port: 0, host, backlog: 1_024 }), 'listening');
    return server.address().port;
  },

  word() {
    arrivals.emit('word');
  },

  /** By so many child processes, in all. */
  async inherited(count) {
    let inherited = 0;
    for (let i = 0; i < count; i++) inherited += await inheritedBy();
    return inherited;
  },
});
