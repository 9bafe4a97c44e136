// A server that writes everything it can learn of a lingering connection to its standard error, and writes all memory
// that JavaScript can reach into files.
import diagnostics from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { appendFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { inspect } from 'node:util';
import { writeHeapSnapshot } from 'node:v8';
import { lingerOnClose, safeClose } from 'lingering-close';
import { serve } from '../lib/host.mjs';

const isStreams = process.argv[2] === 'streams';
const happened = new EventEmitter();
const counts = { begun: 0, ended: 0 };
/** Words that peers gave to the application. They show that the heap snapshot contains what is there. */
const told = [];
let dump;

function say(...what) {
  for (const each of what)
    console.error(
      inspect(each, { depth: 8, showHidden: true, getters: true, maxStringLength: null, maxArrayLength: null }),
    );
}

for (const name of [
  'http.server.request.start',
  'http.server.response.finish',
  'net.server.socket',
  'lingering-close:start',
  'lingering-close:end',
]) {
  diagnostics.subscribe(name, (message) => say(name, message));
}
diagnostics.subscribe('lingering-close:end', ({ report }) => {
  const { error } = report;
  say(JSON.stringify(report), report, error, error?.stack, error?.cause);
  counts.ended++;
  happened.emit('ended');
});
process.on('warning', (warning) => say(warning));

function watch(socket) {
  socket.on('error', (error) => say(error, error.stack));
  // From 'close' on, the discard loop has the connection. The streams engine keeps the Socket, and discards from
  // 'finish'.
  socket.once(isStreams ? 'finish' : 'close', () => {
    setImmediate(() => {
      counts.begun++;
      happened.emit('begun');
    });
  });
}

/**
 * A first message says how to close the connection. After `dump` each buffer that a connection fills is written out.
 */
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('data', (chunk) => {
    if (dump) {
      // With the streams engine Node.js has read the discarded bytes into this memory and reuses it uncleared. There
      // only the chunk that the application gets counts, not the whole buffer.
      appendFileSync(dump, isStreams ? chunk : new Uint8Array(chunk.buffer));
      socket.end('thanks');
      return;
    }
    const { abortAfter, word, ...options } = JSON.parse(chunk);
    told.push(word);
    say(word);
    watch(socket);
    if (abortAfter !== undefined) options.signal = AbortSignal.timeout(abortAfter);
    socket.write('last words');
    safeClose(socket, options).then(say, say);
  });
});

const refusing = http.createServer((_request, response) => {
  response.writeHead(413, { Connection: 'close', 'Content-Length': 4 }).end('413\n');
});
refusing.on('connection', watch);
lingerOnClose(refusing, { maxLingering: 1 });

serve({
  async ports(path) {
    for (const each of [server, refusing]) await once(each.listen({ port: 0, host: '127.0.0.1' }), 'listening');
    if (path)
      await once(
        net.createServer({ allowHalfOpen: true }, (socket) => server.emit('connection', socket)).listen(path),
        'listening',
      );
    return [server.address().port, refusing.address().port];
  },

  /** Resolves when `count` lingers have begun, or ended. */
  async until({ event, count }) {
    while (counts[event] < count) await once(happened, event);
  },

  /** From now on writes out the buffers of connections. Also writes out what the allocator gives, uncleared. */
  dump(file) {
    dump = file;
    for (let i = 0; i < 100 && !isStreams; i++)
      for (const buffer of [Buffer.allocUnsafe(1_000).buffer, Buffer.allocUnsafeSlow(65_536)])
        appendFileSync(file, new Uint8Array(buffer));
  },

  snapshot: (file) => void writeHeapSnapshot(file),
});
