// Prints its port, and for each connection the kernel's round trip in microseconds, as the addon tells it.
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { addonFile } from '../../dist/system/addon.js';

const { roundTrip } = createRequire(import.meta.url)(addonFile);
const server = createServer((socket) => {
  console.log(roundTrip(socket._handle.fd));
  socket.on('error', () => {}).end();
});
server.listen(0, '0.0.0.0', () => console.log(server.address().port));
