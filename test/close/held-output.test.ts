// HTTP/1 may hold output above the socket: safeClose of the socket loses it, and does not say that it was delivered.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { type CloseReport, safeClose } from '../../src/index.ts';
import { Peer } from '../support/peer.ts';

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** What the peer got, and the report of the close that `listener` has begun. */
async function serve(
  requests: string,
  listener: (...args: Parameters<RequestListener>) => Promise<CloseReport> | undefined,
) {
  let resolve!: (report: Promise<CloseReport>) => void;
  const report = new Promise<CloseReport>((settle) => {
    resolve = settle;
  });
  const server = createServer((request, response) => {
    const closing = listener(request, response);
    if (closing) resolve(closing);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await using peer = await Peer.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  await peer.write(requests);
  const { tail, end } = await peer.receive(undefined, { keep: 10_000 });
  await peer.close();
  const { outcome, delivered } = await report;
  server.close();
  return { outcome, delivered, tail, end };
}

test('control: a response that is ended is delivered', async () => {
  const { tail, ...rest } = await serve(GET, ({ socket }, response) => {
    response.end('the answer');
    return safeClose(socket);
  });
  expect(rest).toEqual({ outcome: 'eof', delivered: true, end: 'eof' });
  expect(tail).toContain('the answer');
});

test('control: so is the last one of several', async () => {
  let answers = 0;
  const { tail, ...rest } = await serve(GET + GET, ({ socket }, response) => {
    response.end(`answer ${++answers}`);
    if (answers === 2) return new Promise((resolve) => response.on('finish', () => resolve(safeClose(socket))));
    return undefined;
  });
  expect(rest).toEqual({ outcome: 'eof', delivered: true, end: 'eof' });
  expect(tail).toContain('answer 1');
  expect(tail).toContain('answer 2');
});

test('a response that waits for the one before is lost, and not delivered', async () => {
  let answers = 0;
  const { tail, ...rest } = await serve(GET + GET, ({ socket }, response) => {
    response.end(`answer ${++answers}`);
    return answers === 2 ? safeClose(socket) : undefined;
  });
  expect(tail).not.toContain('answer 2');
  expect(rest).toEqual({ outcome: 'eof', delivered: null, end: 'eof' });
});

// Newer versions of Node.js hold these chunks in the response, older ones in the socket.
test('so are the chunks of a response that is corked, where they are not in the socket', async () => {
  const { tail, ...rest } = await serve(GET, ({ socket }, response) => {
    response.write('a chunk');
    response.cork();
    response.write('another chunk');
    return safeClose(socket);
  });
  expect(rest).toEqual({ outcome: 'eof', delivered: tail.includes('another chunk') ? true : null, end: 'eof' });
});
