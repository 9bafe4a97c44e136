// A client that is always busy and never retries: each of its connections sends the next request after the answer, or
// after a short rest. Every request without a whole answer counts as lost, by its error.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

const { port, protocol, connections, think } = JSON.parse(process.argv[2]);
/** Milliseconds, a hundred times the time of an answer: for a connection that is neither answered nor closed. */
const TIMEOUT = 5_000;
const SIZE = 1_000;
const counts = { requests: 0, lost: 0, refused: 0, errors: {} };
let running = true;

/** One connection of HTTP/1: makes a request, and resolves with why it was lost, or with nothing. */
function http1() {
  const { Agent, get } = protocol === 'https' ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const request = () =>
    new Promise((resolve) => {
      get({ host: '127.0.0.1', port, agent, timeout: TIMEOUT }, (response) => {
        let received = 0;
        response.on('data', (chunk) => {
          received += chunk.length;
        });
        response.on('end', () => resolve(received === SIZE ? undefined : 'short'));
        response.on('error', ({ code }) => resolve(code));
      })
        .on('timeout', function () {
          this.destroy(Object.assign(new Error('no answer in time'), { code: 'timeout' }));
        })
        // `connect`: the connection could not be made. Otherwise it ended before the first byte of an answer.
        .on('error', ({ code, syscall }) => resolve(syscall === 'connect' ? `connect ${code}` : code));
    });
  return { request, end: () => agent.destroy() };
}

/**
 * One session of HTTP/2. Behind GOAWAY the next request gets a new one, and so does one that is refused: REFUSED_STREAM
 * is the server's word that it has not begun with it (RFC 9113, 8.7). Node's client says so itself of a request that
 * it had not sent when GOAWAY came.
 */
function overHttp2() {
  let session;
  const request = async () => {
    for (;;) {
      const error = await attempt();
      if (error !== 'refused') return error;
      counts.refused++;
    }
  };
  const attempt = () =>
    new Promise((resolve) => {
      if (!session || session.closed || session.destroyed) {
        session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false }).on('error', () => {});
      }
      let received = 0;
      let error;
      const used = session;
      const stream = used.request({ ':path': '/' });
      // Node's client holds a request for ever that it had not sent when GOAWAY came: then it has no number.
      const limit = setTimeout(() => {
        error = stream.id === undefined ? 'refused' : 'timeout';
        used.destroy();
      }, TIMEOUT);
      stream
        .on('data', (chunk) => {
          received += chunk.length;
        })
        .on('error', ({ code, syscall }) => {
          error ??= syscall === 'connect' ? `connect ${code}` : code;
        })
        .on('close', () => {
          clearTimeout(limit);
          if (received === SIZE) resolve(undefined);
          else if (stream.rstCode === http2.constants.NGHTTP2_REFUSED_STREAM) resolve('refused');
          else resolve(error ?? 'short');
        })
        .end();
    });
  return { request, end: () => session?.close() };
}

async function loop(pause) {
  const { request, end } = protocol === 'http2' ? overHttp2() : http1();
  while (running) {
    counts.requests++;
    const error = await request();
    if (error) {
      counts.lost++;
      counts.errors[error] = (counts.errors[error] ?? 0) + 1;
    }
    if (pause) await new Promise((resolve) => setTimeout(resolve, Math.random() * pause));
  }
  end();
}

process.once('message', () => {
  running = false;
});
await Promise.all(Array.from({ length: connections }, (_, i) => loop(i % 2 ? think : 0)));
process.send(counts);
process.disconnect();
