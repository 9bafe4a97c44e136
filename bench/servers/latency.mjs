// How long a close takes with an honest peer, which closes when it has read all: safeClose until its report, and end()
// until 'close', by turns. args: number of closes of each kind, bytes of the answer. Prints JSON: milliseconds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { safeClose } from 'lingering-close';

const [count, bytes] = process.argv.slice(2).map(Number);
const answer = Buffer.alloc(bytes);
const WAYS = { safeClose: (socket) => safeClose(socket), end: (socket) => once(socket.end(), 'close') };
const times = { safeClose: [], end: [] };
let accepted = 0;
const server = createServer({ allowHalfOpen: false }, async (socket) => {
  const way = Object.keys(WAYS)[accepted++ % 2];
  if (way === 'end') socket.resume();
  socket.write(answer);
  const startedAt = performance.now();
  await WAYS[way](socket);
  times[way].push(performance.now() - startedAt);
  if (times.safeClose.length + times.end.length === 2 * count) {
    console.log(JSON.stringify(times));
    process.exit(0);
  }
});
server.listen(0, '127.0.0.1', () => {
  const peer = new URL('honest-peer.mjs', import.meta.url).pathname;
  spawn(process.execPath, [peer, server.address().port, 2 * count], { stdio: 'inherit' });
});
