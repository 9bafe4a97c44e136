// The server of the demo, in a process of its own: with server and client in one process the fault mostly hides. Answers every upload with 413 at
// once, and closes as Node does ('plain') or with safeClose in its close path ('safe').
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CloseReport } from '../close-report.ts';
import { safeClose } from '../safe-close.ts';

const safe = process.argv[2] === 'safe';
const closing = new Set<Promise<CloseReport>>();

const server = createServer((request, response) => {
  response.writeHead(413, { Connection: 'close', 'Content-Type': 'text/plain' });
  response.end('Content Too Large\n');
  if (!safe) return;
  const closed = safeClose(request.socket);
  closing.add(closed);
  closed.then(() => closing.delete(closed));
});

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));

// Any message means stop. Lingers are waited for, so that the end of the process resets nothing that would go uncounted.
process.once('message', async () => {
  server.close();
  await Promise.all(closing);
  process.exit();
});

// The parent is gone.
process.once('disconnect', () => process.exit());
