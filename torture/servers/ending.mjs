// A server that ends at a stage of its first close. args: the stage. `sigterm` and `close-server` wait for the signal
// while the connection lingers.

import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import { closeServer, lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const [stage] = process.argv.slice(2);
const EXIT_CODE = 42;
const exit = () => process.exit(EXIT_CODE);
const answer = Buffer.alloc(100, 'x');
const tooMuch = Buffer.alloc(4 << 20, 'x');

/** By stage: what the server does with a connection. */
const STAGES = {
  accepted: exit,
  flushing(socket) {
    socket.write(tooMuch);
    safeClose(socket);
    setImmediate(exit);
  },
  lingering(socket) {
    socket.write(answer);
    safeClose(socket);
    socket.once('close', exit);
  },
  published(socket) {
    subscribe('lingering-close:end', exit);
    socket.write(answer);
    safeClose(socket);
  },
  reported(socket) {
    socket.write(answer);
    safeClose(socket).then(exit);
  },
  choosing(socket) {
    socket.end(answer);
    socket.destroySoon();
  },
  sigterm: linger,
  'close-server': linger,
};

let lingering;
const whenLingering = new Promise((resolve) => {
  lingering = resolve;
});
let signalled;
const whenSignalled = new Promise((resolve) => {
  signalled = resolve;
});

function linger(socket) {
  socket.end(answer);
  socket.destroySoon();
  socket.once('close', lingering);
}

const server = net.createServer(STAGES[stage]);
lingerOnClose(server, stage === 'choosing' ? { choose: exit } : {});
if (stage === 'close-server') {
  process.once('SIGTERM', async () => {
    setImmediate(signalled);
    const { outcomes } = await closeServer(server);
    process.exit(outcomes.eof === 1 ? EXIT_CODE : 1);
  });
}

serve({
  async listen() {
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return server.address().port;
  },
  lingering: () => whenLingering,
  signalled: () => whenSignalled,
});
