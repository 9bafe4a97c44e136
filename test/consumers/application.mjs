// An application: a server closes one connection, on which the client has sent data that is never read. The output says
// what both saw. It has no top-level await, since it is bundled as CommonJS too.
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { engine, lingerOnClose, safeClose } from 'lingering-close';

async function main() {
  const server = createServer();
  lingerOnClose(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect(server.address().port, '127.0.0.1').setEncoding('utf8');
  client.write('x'.repeat(100_000));
  const answered = once(client, 'data');
  client.once('end', () => client.end());
  const [socket] = await once(server, 'connection');
  socket.write('answer');
  const { outcome } = await safeClose(socket);
  server.close();
  const [received] = await answered;
  console.log(JSON.stringify({ engine, outcome, received }));
}

main();
