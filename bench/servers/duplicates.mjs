// The least that a lingering connection can cost: the server sends FIN, keeps a bare duplicate of the descriptor, and
// destroys the socket. Nothing is read or watched.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import 'lingering-close';
import { addonFile } from '../../dist/system/addon.js';
import { answerCommands } from './commands.mjs';

const { holdDescriptor, releaseDescriptor } = createRequire(import.meta.url)(addonFile);
let held = [];
const server = createServer((_request, response) => {
  const { socket } = response;
  socket.destroySoon = () =>
    socket.end(() => {
      held.push(holdDescriptor(socket._handle.fd));
      socket.destroy();
    });
  response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(server.address().port));
answerCommands({
  release: () => {
    for (const descriptor of held) releaseDescriptor(descriptor);
    held = [];
  },
});
