// A server whose peers tell it, in a first line of JSON, how to close the connection. It keeps only counts of what
// happened to each connection.
import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const happened = new EventEmitter();
/** By the port of the peer. */
let connections = new Map();
/** Connections that have told how to close them, and are not closed yet. */
let waiting = [];

subscribe('lingering-close:end', ({ remotePort, report: { error, ...report } }) => {
  const connection = connections.get(remotePort);
  connection.ends++;
  connection.report ??= { ...report, error: error?.code };
  happened.emit('end');
});

const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
  const connection = { ends: 0, closes: 0, settled: 0, report: undefined };
  connections.set(socket.remotePort, connection);
  socket.on('error', () => {});
  socket.on('close', () => connection.closes++);
  const [line] = await once(socket, 'data');
  const { bytes, abortAfter, late = false, ...options } = JSON.parse(line);
  const output = Buffer.alloc(bytes, 'x');
  const close = () => {
    if (abortAfter !== undefined) options.signal = AbortSignal.timeout(abortAfter);
    socket.write(output);
    safeClose(socket, options).then(() => connection.settled++);
  };
  waiting.push({ late, close });
  happened.emit('told');
});
await once(server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }), 'listening');

async function close(count) {
  await until('told', () => waiting.length >= count);
  for (const late of [false, true]) {
    for (const each of waiting) if (each.late === late) each.close();
    for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  }
  waiting = [];
}

async function until(event, reached) {
  while (!reached()) await once(happened, event);
}

const ended = () => [...connections.values()].reduce((sum, { ends }) => sum + (ends > 0), 0);

serve({
  port: () => server.address().port,

  /**
   * Closes the connections as soon as `count` have told how, the late ones last, and lets the event loop turn a few
   * times.
   */
  close,

  /** Closes them, answers, and then blocks the event loop for that many milliseconds. */
  async block({ count, milliseconds }) {
    await close(count);
    setImmediate(() => {
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
    });
  },

  /** What became of the connections, as soon as `count` of them have ended. */
  async connections(count) {
    await until('end', () => ended() >= count);
    return [...connections];
  },

  forget() {
    connections = new Map();
  },
});
