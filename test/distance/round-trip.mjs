// Prints its port, and for each connection the kernel's round trip in microseconds, as the addon tells it.
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const addon = require('node-gyp-build')(fileURLToPath(new URL('../..', import.meta.url)));
const server = createServer((socket) => {
  console.log(addon.roundTrip(socket._handle.fd));
  socket.on('error', () => {}).end();
});
server.listen(0, '0.0.0.0', () => console.log(server.address().port));
