// A server that two copies of the package look after. args: the folder of the second copy.

import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { pathToFileURL } from 'node:url';
import * as one from 'lingering-close';
import { serve } from '../lib/host.mjs';
import { commands, watch } from '../lib/reports.mjs';

const [folder] = process.argv.slice(2);
const fromCopy = (file) => import(pathToFileURL(`${folder}/dist/${file}.js`));
const other = await fromCopy('index');

const TCP = { pauseOnConnect: true };

/** By name: functions that make a server. Each server sends a hundred bytes. */
const WAYS = {
  both() {
    const server = net.createServer(TCP, (socket) => socket.end(Buffer.alloc(100, 'x')).destroySoon());
    one.lingerOnClose(server);
    other.lingerOnClose(server);
    return server;
  },
  async register() {
    await import('lingering-close/register');
    await fromCopy('register');
    return http.createServer((_request, response) => {
      response.writeHead(413, { Connection: 'close', 'Content-Length': 100 }).end(Buffer.alloc(100, 'x'));
    });
  },
  safeCloseOfOther() {
    const server = net.createServer(TCP, (socket) => {
      socket.write(Buffer.alloc(100, 'x'));
      other.safeClose(socket);
    });
    one.lingerOnClose(server);
    return server;
  },
  safeCloseOfBoth: () =>
    net.createServer(TCP, (socket) => {
      socket.write(Buffer.alloc(100, 'x'));
      one.safeClose(socket);
      other.safeClose(socket);
    }),
};

const sockets = () => {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the folder itself.
      return '';
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
};

let server;
let before = 0;

serve({
  ...commands,

  async listen({ way }) {
    if (server) await new Promise((resolve) => server.close(resolve));
    server = await WAYS[way]();
    server.on('connection', watch);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    before = sockets();
    return server.address().port;
  },

  /** The number of sockets that were opened since the server listens. */
  sockets: () => sockets() - before,

  /** When closeServer() of the second copy resolves, the first copy has closed the server. */
  async closeServer() {
    const { outcomes } = await other.closeServer(server);
    server = undefined;
    return outcomes.eof;
  },
});
