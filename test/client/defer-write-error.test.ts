// The arguments of deferWriteError, and what each target gets.
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buildConnector } from 'undici';
import { describe, expect, test, vi } from 'vitest';
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

  test('an agent whose createConnection cannot be replaced', () => {
    const agent = Object.defineProperty(new http.Agent(), 'createConnection', { value: net.connect });
    const before = Reflect.ownKeys(agent);
    expect(() => deferWriteError(agent)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
    expect(Reflect.ownKeys(agent)).toEqual(before);
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

test('a method that replaces the one of the class later, as tools for tests do, is called', () => {
  const agent = deferWriteError(new https.Agent()) as unknown as { createConnection: () => unknown };
  const stub = vi.fn(() => new net.Socket());
  const spy = vi.spyOn(https.Agent.prototype as unknown as typeof agent, 'createConnection').mockImplementation(stub);
  agent.createConnection();
  spy.mockRestore();
  expect(stub).toHaveBeenCalledOnce();
});

describe('destroy() of a socket is as in Node', () => {
  /** A connection that has sent what the socket has not read: an error of a read would wait. */
  async function unread(): Promise<AsyncDisposable & { socket: net.Socket }> {
    const server = net
      .createServer((accepted) => accepted.on('error', () => {}).end('some data'))
      .listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'readable');
    return {
      socket,
      async [Symbol.asyncDispose]() {
        net.Socket.prototype.destroy.call(socket);
        server.close();
      },
    };
  }
  const foreign = () =>
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });

  test('with the error of another socket', async () => {
    await using connection = await unread();
    const { socket } = connection;
    const error = foreign();
    deferWriteError(socket);
    const emitted = once(socket, 'error');
    expect(socket.readableLength).toBe(9);
    socket.destroy(error);
    expect(socket.destroyed).toBe(true);
    expect(await emitted).toEqual([error]);
  });

  test('with the error of another socket, by a pipeline', async () => {
    await using connection = await unread();
    const { socket } = connection;
    deferWriteError(socket);
    const source = new PassThrough();
    const ended = pipeline(source, socket).catch((error: Error) => error);
    const error = foreign();
    source.destroy(error);
    expect(await ended).toBe(error);
    expect(socket.destroyed).toBe(true);
  });

  test('where the application has replaced the method', async () => {
    await using connection = await unread();
    const { socket } = connection;
    const calls: unknown[] = [];
    socket.destroy = (...args) => {
      calls.push(args);
      if (calls.length > 1) throw new Error('again');
      return socket;
    };
    deferWriteError(socket);
    const callback = () => {};
    (socket.destroy as (...args: unknown[]) => void)(undefined, callback);
    expect(calls).toEqual([[undefined, callback]]);
    expect(socket.destroyed).toBe(false);
    expect(() => socket.destroy()).toThrow('again');
  });
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
