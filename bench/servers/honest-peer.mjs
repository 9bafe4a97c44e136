// Connects several times, one after the other, reads everything, and closes at EOF. args: port, number of connections.
import { once } from 'node:events';
import { connect } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
for (let i = 0; i < count; i++) {
  const socket = connect(port, '127.0.0.1').resume();
  socket.on('error', () => {});
  await once(socket, 'close');
}
