// A server whose garbage is collected at every stage of a close. It keeps no reference to a socket, a promise, a
// signal, or the result of lingerOnClose.
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { json } from 'node:stream/consumers';
import { getHeapSnapshot } from 'node:v8';
import { lingerOnClose, safeClose, setLinger } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const counts = { collections: 0, opened: 0, collected: 0, tooSoon: 0, twice: 0, outcomes: {} };
let forced = false;

function collect() {
  if (!forced) return;
  globalThis.gc();
  counts.collections++;
}

/** The finalizer of a socket gets this state. The state holds no reference to the socket. */
const registry = new FinalizationRegistry((state) => {
  counts.collected++;
  if (!state.closed) counts.tooSoon++;
  if (state.collected) counts.twice++;
  state.collected = true;
});

function watch(socket) {
  if (!forced) return;
  counts.opened++;
  const state = { closed: false, collected: false };
  registry.register(socket, state);
  socket.on('close', () => {
    state.closed = true;
    collect();
  });
  for (const event of ['end', 'finish', 'error']) socket.on(event, collect);
}

subscribe('lingering-close:start', collect);
subscribe('lingering-close:end', ({ report: { outcome } }) => {
  counts.outcomes[outcome] = (counts.outcomes[outcome] ?? 0) + 1;
  collect();
});

/** By the name that the peer sends. Each drops its result. */
const WAYS = {
  linger: (socket) => void safeClose(socket, {}),
  delivered: (socket) => void safeClose(socket, { until: 'delivered' }),
  drained: (socket) => void safeClose(socket, { mode: 'drain' }),
  idle: (socket) => void safeClose(socket, { idleTimeout: 200 }),
  timeout: (socket) => void safeClose(socket, { timeout: 300 }),
  signal: (socket) => void safeClose(socket, { signal: AbortSignal.timeout(300) }),
  'any signal': (socket) => {
    // Not with an AbortSignal.timeout() alone: when nothing else refers to it, Node.js 20 collects it, and it never
    // aborts.
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    safeClose(socket, { signal: AbortSignal.any([controller.signal]) });
  },
  guarded: (socket) => {
    setLinger(socket, 2);
    socket.end(() => socket.destroy());
  },
  destroySoon: (socket) => void socket.destroySoon(),
};

function onConnection(socket) {
  watch(socket);
  collect();
  socket.once('data', (line) => {
    collect();
    const { way, bytes } = JSON.parse(line);
    socket.write(Buffer.alloc(bytes, 'x'));
    collect();
    WAYS[way](socket);
    collect();
  });
}

function onRequest(_request, response) {
  collect();
  response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
  collect();
}

const sockets = net.createServer({ allowHalfOpen: true }, onConnection);
const requests = http.createServer(onRequest).on('connection', watch);
// 'always', so that also each of the many small uploads lingers.
lingerOnClose(requests, { when: 'always' });
lingerOnClose(sockets);
for (const server of [sockets, requests])
  await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }), 'listening');

async function settle() {
  for (let i = 0; i < 5; i++) {
    await new Promise(setImmediate);
    globalThis.gc();
  }
}

serve({
  ports: () => ({ net: sockets.address().port, http: requests.address().port }),

  /** Switches forced collections on or off: at each stage, and by a timer. */
  force(on) {
    forced = on;
    if (on) setInterval(() => (forced ? collect() : undefined), 50).unref();
  },

  outcomes: () => counts.outcomes,

  async counts() {
    await settle();
    return counts;
  },

  /** What the heap holds: bytes, objects, and the number of objects of each class. */
  async heap() {
    await settle();
    const { snapshot, nodes, strings } = await json(getHeapSnapshot());
    const { node_fields: fields, node_types: types } = snapshot.meta;
    const [type, name, size] = ['type', 'name', 'self_size'].map((field) => fields.indexOf(field));
    const summary = { bytes: 0, objects: 0, classes: {} };
    for (let i = 0; i < nodes.length; i += fields.length) {
      summary.bytes += nodes[i + size];
      summary.objects++;
      if (types[0][nodes[i + type]] !== 'object') continue;
      const key = strings[nodes[i + name]];
      summary.classes[key] = (summary.classes[key] ?? 0) + 1;
    }
    return summary;
  },
});
