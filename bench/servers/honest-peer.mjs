// Connects so many times, one after the other, reads all that comes, and closes at EOF. args: port, how many.
import { once } from 'node:events';
import { connect } from 'node:net';

const [port, count] = process.argv.slice(2).map(Number);
for (let i = 0; i < count; i++) {
  const socket = connect(port, '127.0.0.1').resume();
  socket.on('error', () => {});
  await once(socket, 'close');
}
