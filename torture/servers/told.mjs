// A server that is told by each connection, in a first line of JSON, how to close it, and that keeps nothing of it but counts of what happened to it.
import { subscribe } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import { safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const happened = new EventEmitter();
/** By the port of the peer. */
let connections = new Map();
/** Those that have said how they are to be closed, and are not yet. */
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

async function begin(late) {
  const chosen = waiting.filter((each) => each.late === late);
  waiting = waiting.filter((each) => each.late !== late);
  for (const { close } of chosen) close();
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

async function until(event, reached) {
  while (!reached()) await once(happened, event);
}

const ended = () => [...connections.values()].reduce((sum, { ends }) => sum + (ends > 0), 0);

serve({
  port: () => server.address().port,

  /** Begins the closes, all but the late ones, as soon as so many connections have said how, and gives them a few turns of the event loop. */
  async close(count) {
    await until('told', () => waiting.length >= count);
    await begin(false);
  },

  /** Begins the late ones, and stands still for so many milliseconds; says so first. */
  async block(milliseconds) {
    await begin(true);
    setImmediate(() => {
      const end = performance.now() + milliseconds;
      while (performance.now() < end);
    });
  },

  /** What has become of the connections, as soon as so many of them have ended. */
  async connections(count) {
    await until('end', () => ended() >= count);
    return [...connections];
  },

  forget() {
    connections = new Map();
  },
});
