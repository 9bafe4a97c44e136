// A client under way all the time, which never tries anything twice: each of its connections asks again as soon as it is answered, or after a short while. Every request
// without a whole answer is counted as lost, by the error.
import http from 'node:http';

const { port, connections, think } = JSON.parse(process.argv[2]);
/** Milliseconds: a hundred times what an answer takes, against a connection that nobody answers and nobody closes. */
const TIMEOUT = 5_000;
const counts = { requests: 0, lost: 0, errors: {} };
let running = true;

function request(agent) {
  return new Promise((resolve) => {
    counts.requests++;
    const settle = (error) => {
      if (error) {
        counts.lost++;
        counts.errors[error] = (counts.errors[error] ?? 0) + 1;
      }
      resolve();
    };
    http
      .get({ host: '127.0.0.1', port, agent, timeout: TIMEOUT }, (response) => {
        let received = 0;
        response.on('data', (chunk) => {
          received += chunk.length;
        });
        response.on('end', () => settle(received === 1_000 ? undefined : 'short'));
        response.on('error', ({ code }) => settle(code));
      })
      .on('timeout', function () {
        this.destroy(Object.assign(new Error('nobody answers'), { code: 'timeout' }));
      })
      // Of a connection that the client could not even make, or that ended before the first byte of an answer.
      .on('error', ({ code, syscall }) => settle(syscall === 'connect' ? `connect ${code}` : code));
  });
}

async function loop(pause) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  while (running) {
    await request(agent);
    if (pause) await new Promise((resolve) => setTimeout(resolve, Math.random() * pause));
  }
  agent.destroy();
}

process.once('message', () => {
  running = false;
});
await Promise.all(Array.from({ length: connections }, (_, i) => loop(i % 2 ? think : 0)));
process.send(counts);
process.disconnect();
