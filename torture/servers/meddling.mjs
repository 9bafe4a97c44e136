// Servers that close connections with safeClose, and meddle with the sockets; and closes whose code throws.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { safeClose } from 'lingering-close';
import { before, behind, OF_DESTROY } from '../../lab/interference-actions.mjs';
import { serve } from '../lib/host.mjs';
import { arrivals, commands, watch } from '../lib/reports.mjs';

// Node.js itself throws when 'close' of a TLSSocket comes twice, and output is pending.
const OF_NODE = "Cannot read properties of null (reading '_secureContext')";
const pem = readFileSync(new URL('../../test/fixtures/localhost.pem', import.meta.url));
const END = 'THE END';
const ANSWERS = { few: `x${END}`, many: 'x'.repeat(3 << 20) + END };

const CASES = [
  ...Object.entries(before).map(([name, action]) => ({ name, action, when: 'before' })),
  ...Object.entries(behind).map(([name, action]) => ({ name, action, when: 'at once' })),
  ...Object.entries(behind).map(([name, action]) => ({ name, action, when: 'later' })),
  // A TLSSocket of a server has no context for a second connection, and what comes back is another connection.
].filter(({ name }) => name !== 'connect() again');

const SERVERS = {
  net: (onSocket) => net.createServer({ allowHalfOpen: true }, onSocket),
  // Not at once: Node.js then leaves out the close_notify of a socket that is written to and ended.
  tls: (onSocket) => tls.createServer({ key: pem, cert: pem }, (socket) => setTimeout(onSocket, 50, socket)),
  http: (onSocket) =>
    http.createServer((request, response) => {
      response.writeHead(200, { 'Content-Length': ANSWERS.many.length + 1 }).flushHeaders();
      onSocket(request.socket, response);
    }),
};

const thrown = [];
process.on('uncaughtException', ({ message, stack }) => {
  if (message !== OF_DESTROY && message !== OF_NODE) thrown.push(message === THROWN ? THROWN : stack);
});

let server;
let results = [];
let next = 0;

function act(action, ...args) {
  try {
    action(...args);
  } catch {
    // As far as the application sees it, in plain Node.js too.
  }
}

function meddle(output, limits) {
  return (socket, response) => {
    const { name, action, when } = CASES[next++ % CASES.length];
    const result = { name, when, port: socket.remotePort, report: undefined };
    results.push(result);
    (response ?? socket).write(ANSWERS[output]);
    if (when === 'before') act(action, socket, {});
    const closing = safeClose(socket, limits);
    if (when === 'at once') act(action, socket, {});
    closing.then(({ error, ...report }) => {
      result.report = { ...report, error: error?.code };
      arrivals.emit('settled');
    });
    setTimeout(() => when === 'later' && act(action, socket, {}), 100);
  };
}

const THROWN = 'of the application';

/** As an AbortSignal of another realm. */
class ThrowingSignal extends EventTarget {
  aborted = false;
  removeEventListener() {
    throw new Error(THROWN);
  }
}

async function listen(made) {
  server?.close();
  server = made;
  server.on('connection', watch);
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 1_024 }), 'listening');
  return server.address().port;
}

const unsettled = () => results.filter(({ report }) => !report).length;

serve({
  ...commands,

  /** JSON has no Infinity: without limits, `limits` is null. */
  meddle({ kind, output, limits }) {
    const given = limits ?? { idleTimeout: Infinity, timeout: Infinity };
    return listen(SERVERS[kind](meddle(output, given)));
  },

  /** How all closes have ended, at the latest after so many milliseconds, and what was thrown meanwhile. */
  async settled({ count, patience }) {
    const late = setTimeout(() => arrivals.emit('settled', 'late'), patience);
    for (let word; word !== 'late' && (results.length < count || unsettled() > 0); )
      [word] = await once(arrivals, 'settled');
    clearTimeout(late);
    const taken = results;
    results = [];
    return { results: taken, thrown: thrown.splice(0) };
  },

  /** Closes each connection with a signal whose removal throws. */
  throwing: () =>
    listen(
      net.createServer({ allowHalfOpen: true }, (socket) => {
        const result = { port: socket.remotePort, report: undefined };
        results.push(result);
        socket.write(`x${END}`);
        safeClose(socket, { signal: new ThrowingSignal() }).then((report) => {
          result.report = report;
          arrivals.emit('settled');
        });
        arrivals.emit('settled');
      }),
    ),

  /** The event loop stands still for so many milliseconds, so that everything ends in one wake-up. */
  block(milliseconds) {
    setTimeout(() => {
      const until = performance.now() + milliseconds;
      while (performance.now() < until);
    }, 20);
  },
});
