// Test tools fake time: a closing has its own.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { closeServer, closeServers, lingerOnClose, safeClose } from 'lingering-close';
import { afterEach, expect, test, vi } from 'vitest';
import { Fixture } from '../support/fixture.ts';

// What the tools can fake; without process.nextTick and queueMicrotask, which the streams of Node itself take.
const FAKED = [
  'setTimeout',
  'clearTimeout',
  'setInterval',
  'clearInterval',
  'setImmediate',
  'clearImmediate',
  'Date',
  'performance',
  'hrtime',
] as const;

afterEach(() => void vi.useRealTimers());

test.each(['http', 'net'])('vitest, all fakes on: %s', async (kind) => {
  const server = createServer((_request, response) => response.end('now'));
  if (kind === 'http') lingerOnClose(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const peer = connect(port, '127.0.0.1');
  peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(peer, 'data');
  vi.useFakeTimers({ toFake: [...FAKED] });
  const ended = once(peer, 'close');
  expect(await closeServer(server)).toMatchObject({ idle: 1, cut: 0 });
  await ended;
});

test('safeClose, and closeServers', async () => {
  const server = createServer();
  server.on('connection', (socket) => void safeClose(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  vi.useFakeTimers({ toFake: [...FAKED] });
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  await once(peer, 'close');
  const { servers } = await closeServers({ servers: [server] });
  expect(servers).toMatchObject([{ cut: 0 }]);
});

test('a faked nextTick that Node itself does not take, as under jest', async () => {
  await using fixture = new Fixture<string | object>('shutdown/close-server-next-tick');
  expect(await fixture.next()).toBe('called back');
  expect(await fixture.next()).toEqual({ outcome: 'eof' });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('mock.timers of node:test', async () => {
  await using fixture = new Fixture('shutdown/close-server-faked-timers');
  expect(await fixture.next()).toEqual({ connection: 'close' });
  expect(await fixture.next()).toMatchObject({ report: { cut: 0 } });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});
