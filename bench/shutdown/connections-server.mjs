// A server with idle connections that is closed by Node or by closeServer. Says what that cost: CPU, and the longest
// turn of the event loop.
import http from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { closeServer, lingerOnClose } from 'lingering-close';

const [how] = process.argv.slice(2);
const server = http.createServer({ keepAliveTimeout: 600_000 }, (_request, response) => response.end('now'));
if (how === 'closeServer') lingerOnClose(server);
process.once('message', async () => {
  const delay = monitorEventLoopDelay({ resolution: 2 });
  delay.enable();
  const before = process.cpuUsage();
  const startedAt = performance.now();
  if (how === 'closeServer') await closeServer(server);
  else await new Promise((resolve) => server.close(resolve));
  const ms = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  await setImmediate();
  delay.disable();
  process.send({ ms, cpu: (user + system) / 1_000, longestTurn: how === 'closeServer' ? delay.max / 1e6 : ms });
  process.disconnect();
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
