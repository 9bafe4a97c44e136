// All servers of a process.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net';
import { closeServer, closeServers, lingerOnClose } from 'lingering-close';
import { expect, test } from 'vitest';
import { listeningServers } from '../../src/server/known-servers.ts';
import { closeAll } from '../../src/shutdown/close-servers.ts';
import { checkCloseServersOptions } from '../../src/shutdown/close-servers-options.ts';
import { Fixture } from '../support/fixture.ts';
import { rawRequest } from '../support/raw-request.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
const FOUND = ['attached', 'early', 'pending', 'unix', 'unknown', 'unrefed'];

test('those that listen are found, and those that cannot be found may be passed in', async () => {
  await using fixture = new Fixture('shutdown/close-servers');
  // Documented: nothing tells of a server that has listened since before the package was loaded, and does not keep the
  // process alive.
  expect(await fixture.next()).toEqual({ names: FOUND, addresses: true, listening: ['earlyAndUnrefed'] });
  await using other = new Fixture('shutdown/close-servers', { args: ['also'] });
  expect(await other.next()).toEqual({ names: [...FOUND, 'earlyAndUnrefed'].sort(), addresses: true, listening: [] });
  for (const { exit } of [fixture, other]) expect(await exit).toEqual({ code: 0, signal: null });
  expect(fixture.stderr + other.stderr).toBe('');
});

test.each([
  ['closeOnSignal', 'no preface of HTTP/2\r\n\r\n'],
  ['closeServer', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n'],
])('register covers a server that %s has met before', async (how, text) => {
  await using fixture = new Fixture('shutdown/register-covers', {
    args: [how],
    execArgv: ['--import', 'lingering-close/register'],
  });
  const { port } = (await fixture.next()) as { port: number };
  const peer = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
  peer.write(text);
  await once(peer, 'end');
  peer.end();
  expect(await fixture.next()).toEqual({ outcome: 'eof' });
});

test('last: served until the others are closed', async () => {
  await using fixture = new Fixture('shutdown/close-servers-last');
  const [application, metrics] = (await fixture.next()) as unknown as [number, number];
  const request = await rawRequest(application, GET);
  expect(await fixture.next()).toBe('held');
  fixture.send({ timeout: 60_000 });
  expect(await fixture.next()).toBe('stopped');
  expect(await (await rawRequest(metrics, GET)).text).toMatch(/metrics$/);
  fixture.send('release' as unknown as object);
  expect(await request.text).toMatch(/held$/);
  expect(await fixture.next()).toMatchObject({ order: ['application', 'metrics'], finished: 1, cut: 0 });
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});

test('one deadline for all', async () => {
  await using fixture = new Fixture('shutdown/close-servers-last');
  const [application] = (await fixture.next()) as unknown as [number, number];
  const request = await rawRequest(application, GET);
  expect(await fixture.next()).toBe('held');
  fixture.send({ timeout: 200, lingerTimeout: 100 });
  expect(await fixture.next()).toBe('stopped');
  expect(await request.text).toBe('');
  const { duration, ...report } = (await fixture.next()) as unknown as { duration: number };
  expect(report).toMatchObject({ cut: 1, aborted: false });
  expect(duration).toBeLessThan(10_000);
});

test('a server whose address() throws is closed with the others', async () => {
  const servers = [createServer(), createServer()];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const [odd] = servers as [Server];
  odd.address = () => {
    throw new Error('from address');
  };
  const report = await closeServers({ servers });
  expect(report.servers.map(({ address }) => address)).toEqual([null, expect.objectContaining({ family: 'IPv4' })]);
  expect(servers.map(({ listening }) => listening)).toEqual([false, false]);
});

test('last, and no others: its time begins when the shutdown does, and not with the signal', async () => {
  const server = createServer((_request, response) => setTimeout(() => response.end('answered'), 2_000));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const request = await rawRequest((server.address() as AddressInfo).port, GET);
  await once(server, 'request');
  const times = { drainDelay: 0, timeout: 1_500, lingerTimeout: 100 };
  const over = new Promise((resolve) => setTimeout(resolve, 1_000));
  const options = checkCloseServersOptions({ servers: [], last: [server], ...times });
  const report = await closeAll(options, { over, times: () => times });
  expect(await request.text).toMatch(/answered$/);
  expect(report).toMatchObject({ finished: 1, cut: 0 });
  expect(report.duration).toBeGreaterThan(1_900);
});

test('a server that takes no property is refused, and is not among those that are found', async () => {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  expect(listeningServers()).toContain(server);
  Object.seal(server);
  const calls = [closeServer, lingerOnClose, () => closeServers({ servers: [server] })];
  for (const call of calls)
    expect(() => call(server)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  expect(listeningServers()).not.toContain(server);
  server.close();
});

test('a socket whose destroy() throws keeps no other from being cut', async () => {
  const server = createNetServer((socket) => {
    socket.resume();
    if (clients.length === 1) {
      socket.destroy = () => {
        throw new Error('from destroy');
      };
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  lingerOnClose(server);
  const clients: Socket[] = [];
  for (let i = 0; i < 3; i++) {
    clients.push(connect((server.address() as AddressInfo).port, '127.0.0.1').resume());
    await once(server, 'connection');
  }
  const warned = once(process, 'warning');
  const ended = clients.map((client) => once(client, 'close'));
  expect(await closeServers({ servers: [server], timeout: 0, lingerTimeout: 1_000 })).toMatchObject({ cut: 3 });
  expect((await warned)[0].message).toBe('The socket.destroy function of closeServer() failed: from destroy');
  await Promise.all(ended);
});

test.each([
  [{ servers: 1 }, 'options.servers'],
  [{ also: createServer() }, 'options.also'],
  [{ last: [{}] }, 'options.last[0]'],
  [{ last: [createServer(), null] }, 'options.last[1]'],
  [{ servers: [new Proxy(createServer(), {})] }, 'options.servers[0]'],
])('wrong arguments: %s', (options, name) => {
  expect(() => closeServers(options as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringContaining(name) }),
  );
});
