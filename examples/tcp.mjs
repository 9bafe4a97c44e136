// A line protocol over TCP: the server answers each line with its length. A client that says "quit", or sends a line
// that does not end, gets a last word, and can read it even while it goes on sending.
import { createServer } from 'node:net';
import { safeClose } from 'lingering-close';

const LONGEST = 1_000;
const TOO_LONG = `A line has ${LONGEST} characters at most.`;

const server = createServer((socket) => {
  let rest = '';
  socket.setEncoding('latin1');
  socket.on('error', (error) => console.error(error.message));
  socket.on('data', (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      if (line === 'quit') return finish('Goodbye.');
      if (line.length > LONGEST) return finish(TOO_LONG);
      socket.write(`${line.length}\n`);
    }
    if (rest.length > LONGEST) finish(TOO_LONG);
  });

  async function finish(lastWord) {
    socket.write(`${lastWord}\n`);
    const { outcome, discardedBytes } = await safeClose(socket);
    console.log(`${lastWord} (${outcome}, ${discardedBytes} bytes discarded)`);
  }
});

server.listen(process.env.PORT ?? 7000, () => console.log(`tcp://localhost:${server.address().port}`));
