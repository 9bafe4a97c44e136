import grpc from '@grpc/grpc-js';
import { SLOW, sleep } from './answers.mjs';

const CHUNK = Buffer.alloc(64 << 10, 'x');

const method = (path, requestStream, responseStream) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: (bytes) => bytes,
  requestDeserialize: (bytes) => bytes,
  responseSerialize: (bytes) => bytes,
  responseDeserialize: (bytes) => bytes,
});

/** Unary calls, a download of 8 MB, and an upload whose size is the answer. */
export const SERVICE = {
  now: method('/test/now', false, false),
  slow: method('/test/slow', false, false),
  big: method('/test/big', false, true),
  upload: method('/test/upload', true, false),
};

export async function start() {
  const server = new grpc.Server();
  const answer = (_call, done, text) => done(null, Buffer.from(text));
  server.addService(SERVICE, {
    now(call, done) {
      process.send('/now');
      answer(call, done, 'now');
    },
    async slow(call, done) {
      process.send('/slow');
      await sleep(SLOW);
      answer(call, done, 'slow');
    },
    async big(call) {
      process.send('/big');
      for (let i = 0; i < 128; i++) if (!call.write(CHUNK)) await new Promise((resolve) => call.once('drain', resolve));
      call.end();
    },
    async upload(call, done) {
      process.send('/upload');
      let bytes = 0;
      for await (const chunk of call) bytes += chunk.length;
      answer(call, done, String(bytes));
    },
  });
  const port = await new Promise((resolve, reject) => {
    const credentials = grpc.ServerCredentials.createInsecure();
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return {
    port,
    options: { drainDelay: 1_000 },
    close: () => new Promise((done) => server.tryShutdown(done)),
    asDocumented: (closeOnSignal) =>
      closeOnSignal({ drainDelay: 1_000, after: () => new Promise((done) => server.tryShutdown(done)) }),
  };
}
