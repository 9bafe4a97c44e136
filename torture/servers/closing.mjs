// A server that closes each connection as its parent has told it, and keeps the reports.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { arrivals, commands, watch } from '../lib/reports.mjs';

let waiting = 0;

function forWord() {
  waiting++;
  arrivals.emit('waiting');
  return once(arrivals, 'word');
}

/** `when`: the socket event after which the server closes, or 'word' for the parent's command. */
function closingServer({ bytes, when, options }) {
  const answer = Buffer.alloc(bytes, 'x');
  return net.createServer({ allowHalfOpen: true }, async (socket) => {
    watch(socket);
    if (when === 'end') socket.resume();
    if (when) await (when === 'word' ? forWord() : once(socket, when));
    socket.write(answer);
    safeClose(socket, options);
  });
}

/** Answers early. Node.js closes the connection. */
function answeringServer({ bytes, options }) {
  const answer = Buffer.alloc(bytes, 'x');
  const answering = http.createServer((_request, response) => {
    response.writeHead(413, { Connection: 'close', 'Content-Length': bytes }).end(answer);
  });
  answering.on('connection', watch);
  lingerOnClose(answering, options);
  return answering;
}

/** The number of sockets that are open in a child process when it starts. */
async function inheritedBy() {
  const child = spawn('ls', ['-l', '/proc/self/fd'], { stdio: ['ignore', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  await once(child, 'close');
  // Its standard output is a socket too, and does not count.
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

  /** As soon as `count` connections wait, all of them are closed. */
  async word(count) {
    while (waiting < count) await once(arrivals, 'waiting');
    waiting = 0;
    arrivals.emit('word');
  },

  /** The number of sockets that `count` child processes inherit together. */
  async inherited(count) {
    let inherited = 0;
    for (let i = 0; i < count; i++) inherited += await inheritedBy();
    return inherited;
  },
});
