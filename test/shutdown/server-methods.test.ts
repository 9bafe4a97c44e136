// An application that takes hold of the server's methods while the server is being closed.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { closeServer, lingerOnClose } from 'lingering-close';
import { expect, test } from 'vitest';

async function listen(server: Server): Promise<void> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
}

type Method = (...args: unknown[]) => unknown;

async function begin(server: Server) {
  await listen(server);
  const closed = closeServer(server, { drainDelay: 100 });
  const { close, listen: listenAgain, closeIdleConnections } = server;
  return { closed, ours: { close, listen: listenAgain, closeIdleConnections } as Record<string, Method> };
}

test.each(['close', 'listen', 'closeIdleConnections'] as const)(
  '%s that the application has put in its place stays',
  async (name) => {
    const server = createServer();
    const { closed, ours } = await begin(server);
    let calls = 0;
    const own = (...args: unknown[]) => {
      calls++;
      return Reflect.apply(ours[name] as Method, server, args);
    };
    server[name] = own as never;
    await closed;
    expect(server[name]).toBe(own);
    await listen(server);
    server.closeIdleConnections();
    const called = new Promise((resolve) => server.close(resolve));
    expect(await called).toBeUndefined();
    expect(server.listening).toBe(false);
    expect(calls).toBeGreaterThan(0);
  },
);

test('one that the application has kept is later the one of Node', async () => {
  const server = createServer();
  const { closed, ours } = await begin(server);
  await closed;
  const listening = once(server, 'listening');
  ours['listen']?.call(server, 0, '127.0.0.1');
  await listening;
  expect(await new Promise((resolve) => ours['close']?.call(server, resolve))).toBeUndefined();
  expect(server.listening).toBe(false);
});

test.each(['close', 'listen', 'closeIdleConnections'] as const)(
  '%s that the application has put there for good stays, and the server is closed',
  async (name) => {
    const server = createServer();
    const { [name]: own } = server;
    Object.defineProperty(server, name, { value: own, configurable: false });
    const { closed } = await begin(server);
    expect(await closed).toMatchObject({ cut: 0 });
    expect(server.listening).toBe(false);
    expect(server[name]).toBe(own);
  },
);

test('a method that the application has given as a getter is called', async () => {
  const server = createServer();
  const { listen: original } = server;
  Object.defineProperty(server, 'listen', { configurable: true, get: () => original });
  const { closed } = await begin(server);
  await listen(server);
  expect(server.listening).toBe(true);
  await closed;
  await new Promise((resolve) => server.close(resolve));
});

test('a listen() of its own in the middle of a shutdown is called once', async () => {
  const server = createServer();
  const { closed, ours } = await begin(server);
  let calls = 0;
  server.listen = ((...args: unknown[]) => {
    calls++;
    return Reflect.apply(ours['listen'] as Method, server, args);
  }) as Server['listen'];
  await listen(server);
  await closed;
  expect(calls).toBe(1);
  expect(server.listening).toBe(true);
  await new Promise((resolve) => server.close(resolve));
});

test('the callback of server.close() is called on the server, as in Node', async () => {
  const server = createServer();
  const { closed } = await begin(server);
  const called = new Promise((resolve) =>
    server.close(function (this: unknown, ...args: unknown[]) {
      resolve([this, args]);
    }),
  );
  await closed;
  expect(await called).toEqual([server, []]);
});

test('server.close() calls back when nothing lingers any more: the callback may end the process', async () => {
  const server = createServer((_request, response) => response.end('answered'));
  lingerOnClose(server, { when: 'always' });
  await listen(server);
  const peer = connect({ port: (server.address() as AddressInfo).port, allowHalfOpen: true }).resume();
  peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(peer, 'data');
  const closed = closeServer(server, { settle: 0 });
  let over = false;
  void closed.then(() => {
    over = true;
  });
  const overAtCallback = new Promise((resolve) => server.close(() => resolve(over)));
  await once(server, 'close');
  setTimeout(() => peer.end(), 100);
  expect(await overAtCallback).toBe(true);
  expect(await closed).toMatchObject({ idle: 1, cut: 0, outcomes: { eof: 1 } });
});
