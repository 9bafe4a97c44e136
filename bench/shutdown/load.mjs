// A client that is always busy and never retries: each of its connections sends the next request after the answer, or
// after a short rest. Every request without a whole answer counts as lost, by its error.
import http from 'node:http';

const { port, connections, think } = JSON.parse(process.argv[2]);
/** Milliseconds, a hundred times the time of an answer: for a connection that is neither answered nor closed. */
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
        this.destroy(Object.assign(new Error('no answer in time'), { code: 'timeout' }));
      })
      // `connect`: the connection could not be made. Otherwise it ended before the first byte of an answer.
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
