// A server that answers early and closes, of each kind, in Node.js, Bun and Deno. args: the kind; 'plain',
// 'lingerOnClose' or 'register'. The first line of its output is its port; it ends when its standard input ends.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

const [kind, way] = process.argv.slice(2);
const pem = readFileSync(new URL('./localhost.pem', import.meta.url));
const answer = (_req, res) => res.writeHead(413, { Connection: 'close' }).end('early');
const talk = (socket) => {
  socket.on('error', () => {});
  socket.once('data', () => socket.pause().end('early', () => socket.destroy()));
};
const KINDS = {
  http: () => http.createServer(answer),
  https: () => https.createServer({ key: pem, cert: pem }, answer),
  net: () => net.createServer(talk),
  tls: () => tls.createServer({ key: pem, cert: pem }, talk),
};

if (way === 'register') await import('lingering-close/register');
const server = KINDS[kind]();
if (way === 'lingerOnClose') (await import('lingering-close')).lingerOnClose(server);
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit()).resume();
