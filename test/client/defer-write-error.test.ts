// The arguments of deferWriteError, and what each target gets.
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { buildConnector } from 'undici';
import { describe, expect, test } from 'vitest';
import { deferWriteError, safeClose } from '../../src/index.ts';
import { ClientHost, uploaded } from '../support/client-host.ts';
import { connectPair } from '../support/pair.ts';

const loosely = deferWriteError as (target: unknown, options?: unknown) => unknown;

describe('arguments', () => {
  test.each([undefined, null, 1, 'socket', true, {}, [], new net.Server(), { createConnection() {} }])(
    'target %o',
    (target) => {
      expect(() => loosely(target)).toThrow(
        expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
      );
    },
  );

  test.each([
    [null, 'ERR_INVALID_ARG_TYPE', /"options" argument/],
    [5, 'ERR_INVALID_ARG_TYPE', /"options" argument/],
    [{ timeout: '5' }, 'ERR_INVALID_ARG_TYPE', /"options.timeout" property/],
    [{ timeout: -1 }, 'ERR_OUT_OF_RANGE', /"options.timeout"/],
    [{ timeout: Number.NaN }, 'ERR_OUT_OF_RANGE', /"options.timeout"/],
  ])('options %o', (options, code, message) => {
    for (const target of [new net.Socket(), new http.Agent(), buildConnector({})]) {
      const before = Reflect.ownKeys(target);
      expect(() => loosely(target, options)).toThrow(
        expect.objectContaining({ code, message: expect.stringMatching(message) }),
      );
      expect(Reflect.ownKeys(target)).toEqual(before);
    }
  });

  test('a socket or an agent that is frozen, and a socket that is a Proxy', () => {
    const value = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(() => deferWriteError(Object.freeze(new http.Agent()))).toThrow(value);
    expect(() => deferWriteError(Object.freeze(new net.Socket()))).toThrow(value);
    expect(() => deferWriteError(new Proxy(new net.Socket(), {}))).toThrow(value);
  });

  test('the target is given back', () => {
    for (const target of [new net.Socket(), new http.Agent(), new https.Agent()]) {
      expect(deferWriteError(target)).toBe(target);
      expect(deferWriteError(target, { timeout: Infinity })).toBe(target);
    }
  });

  test('no prototype is changed', () => {
    const methods = () => [net.Socket, http.Agent, https.Agent].map(({ prototype }) => ({ ...prototype }));
    const before = methods();
    deferWriteError(new net.Socket());
    deferWriteError(new http.Agent());
    expect(methods()).toEqual(before);
  });
});

test('an agent that connects by a callback, by its result, or fails', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  const isGuarded = (socket: unknown) => Object.hasOwn(socket as object, '_write');
  type Create = (options: object, callback?: (error: Error | null, socket?: unknown) => void) => unknown;
  const agentOf = (createConnection: Create) =>
    deferWriteError(Object.assign(new http.Agent(), { createConnection })) as unknown as { createConnection: Create };

  const byResult = agentOf(() => net.connect(port)).createConnection({});
  expect(isGuarded(byResult)).toBe(true);
  const byCallback = await new Promise((resolve) => {
    agentOf((_options, callback) => void callback?.(null, net.connect(port))).createConnection({}, (_error, socket) =>
      resolve(socket),
    );
  });
  expect(isGuarded(byCallback)).toBe(true);
  const failure = new Error('no route');
  await expect(
    new Promise((_resolve, reject) => {
      agentOf((_options, callback) => void callback?.(failure)).createConnection({}, reject);
    }),
  ).rejects.toBe(failure);
  expect(() =>
    agentOf(() => {
      throw failure;
    }).createConnection({}),
  ).toThrow(failure);
  for (const socket of [byResult, byCallback] as net.Socket[]) socket.destroy();
  server.close();
});

test('the connections that an agent has already are guarded too', async () => {
  const server = http.createServer((_request, response) => response.end()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  const agent = new http.Agent({ keepAlive: true });
  await new Promise((resolve) =>
    http.get({ port, host: '127.0.0.1', agent }, (response) => response.resume().on('end', resolve)),
  );
  await new Promise(setImmediate);
  const [free] = Object.values(agent.freeSockets).flat();
  deferWriteError(agent);
  expect(Object.hasOwn(free as object, '_write')).toBe(true);
  agent.destroy();
  server.close();
});

test('a connection of a server keeps its owner, and safeClose ends it as ever', async () => {
  await using pair = await connectPair();
  deferWriteError(pair.socket);
  pair.socket.write('last words');
  const closing = safeClose(pair.socket);
  expect(await pair.peer.receive()).toMatchObject({ tail: 'last words', end: 'eof' });
  await pair.peer.close();
  expect(await closing).toMatchObject({ outcome: 'eof', delivered: true });
});

test('a connector of undici', async () => {
  await using host = await ClientHost.start();
  const answer = 'HTTP/1.1 413 Too Large\r\nContent-Length: 6\r\n\r\nlarge\n';
  for (const tls of [false, true]) {
    const server = { answer, ...uploaded(tls) };
    expect(await host.visit('undiciRequest', server)).toEqual(['ECONNRESET']);
    expect(await host.visit('undiciRequest', server, { guard: {} })).toEqual(['response 413', 'body 6']);
  }
});
