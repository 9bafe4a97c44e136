// A server with idle connections that is closed by Node or by closeServer. Says what that cost: CPU, and the longest
// turn of the event loop, in CPU of the main thread: on a busy machine, its time would be that of others too.
import { openSync, readSync } from 'node:fs';
import http from 'node:http';
import { closeServer, lingerOnClose } from 'lingering-close';

const [how] = process.argv.slice(2);
const server = http.createServer({ keepAliveTimeout: 600_000 }, (_request, response) => response.end('now'));
if (how === 'closeServer') lingerOnClose(server);

const schedstat = openSync('/proc/self/schedstat');
const buffer = Buffer.alloc(64);

/** Milliseconds of CPU that the main thread has used: proc(5), schedstat. Read at each turn, so it must be cheap. */
function mainThread() {
  const length = readSync(schedstat, buffer, 0, 64, 0);
  return Number.parseInt(buffer.latin1Slice(0, length), 10) / 1e6;
}

process.once('message', async () => {
  const before = process.cpuUsage();
  const mainBefore = mainThread();
  const startedAt = performance.now();
  let longestTurn = 0;
  let turnBegan = mainBefore;
  let over = false;
  const endTurn = () => {
    const now = mainThread();
    longestTurn = Math.max(longestTurn, now - turnBegan);
    turnBegan = now;
    if (!over) setImmediate(endTurn).unref();
  };
  setImmediate(endTurn);
  if (how === 'closeServer') await closeServer(server);
  else await new Promise((resolve) => server.close(resolve));
  const ms = performance.now() - startedAt;
  endTurn();
  over = true;
  const { user, system } = process.cpuUsage(before);
  process.send({ ms, cpu: (user + system) / 1_000, main: mainThread() - mainBefore, longestTurn });
  process.disconnect();
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
