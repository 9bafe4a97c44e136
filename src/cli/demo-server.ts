// The server of the demo, as a process of its own: with server and client in one process the fault mostly hides. It
// answers every upload with 413 at once, and closes as Node does ('plain') or with lingerOnClose ('linger').

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { closeServer, lingerOnClose } from '../index.ts';

const lingers = process.argv[2] === 'linger';

const server = createServer((_request, response) => {
  response.writeHead(413, { Connection: 'close', 'Content-Type': 'text/plain' });
  response.end('Content Too Large\n');
});
if (lingers) lingerOnClose(server);

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));

// Any message means stop. The server waits for its lingers: resets at the end of the process would not be counted.
process.once('message', async () => {
  if (lingers) await closeServer(server);
  process.exit();
});

// When the parent is gone.
process.once('disconnect', () => process.exit());
