import { once } from 'node:events';
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { finished } from 'node:stream/promises';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { isConnectionReset, pendingBytes, SocketError } from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import { connectPair } from '../support/pair.ts';

interface Address {
  port: number;
}

async function errorOf(promise: Promise<unknown>): Promise<NodeJS.ErrnoException> {
  return promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error) => error,
  );
}

async function errorEvent(emitter: NodeJS.EventEmitter): Promise<NodeJS.ErrnoException> {
  const [error] = await once(emitter, 'error');
  return error;
}

describe('isConnectionReset recognises the errors that Node makes of a broken connection', () => {
  test('a read: ECONNRESET', async () => {
    await using pair = await connectPair();
    const failing = errorEvent(pair.socket.resume());
    await pair.peer.reset();
    const error = await failing;
    expect(error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(isConnectionReset(error)).toBe(true);
  });

  test('a write: EPIPE', async () => {
    await using pair = await connectPair();
    await pair.peer.close();
    const failing = errorEvent(pair.socket);
    const write = () => pair.socket.write('x', (error) => error ?? setImmediate(write));
    write();
    const error = await failing;
    expect(error).toMatchObject({ code: 'EPIPE', syscall: 'write' });
    expect(isConnectionReset(error)).toBe(true);
  });

  test.each(['fin', 'reset'])('http.request, no response (%s): socket hang up, or the bare errno', async (how) => {
    await using server = new Fixture<Address>('system/errors-server', { args: ['silent', how] });
    const { port } = await server.next();
    const error = await errorEvent(get({ host: '127.0.0.1', port, agent: false }));
    expect(error.code).toBe('ECONNRESET');
    expect(error.message).toBe(how === 'fin' ? 'socket hang up' : 'read ECONNRESET');
    expect(isConnectionReset(error)).toBe(true);
  });

  test.each(['fin', 'reset'])('http.request, half a response (%s): aborted', async (how) => {
    await using server = new Fixture<Address>('system/errors-server', { args: ['truncated', how] });
    const { port } = await server.next();
    const request = get({ host: '127.0.0.1', port, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    // The request is told of a RST too.
    request.on('error', () => {});
    const error = await errorEvent(response.resume());
    expect(error.code).toBe('ECONNRESET');
    expect(isConnectionReset(error)).toBe(true);
  });

  test.each(['fin', 'reset'])('fetch, no response (%s): the cause of "fetch failed"', async (how) => {
    await using server = new Fixture<Address>('system/errors-server', { args: ['silent', how] });
    const { port } = await server.next();
    const error = await errorOf(fetch(`http://127.0.0.1:${port}`));
    expect(error).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
    expect(isConnectionReset(error)).toBe(true);
  });

  test.each(['fin', 'reset'])('fetch, half a response (%s): the cause of "terminated"', async (how) => {
    await using server = new Fixture<Address>('system/errors-server', { args: ['truncated', how] });
    const { port } = await server.next();
    const error = await errorOf(fetch(`http://127.0.0.1:${port}`).then((response) => response.text()));
    expect(error).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/^(terminated|fetch failed)$/) });
    expect(isConnectionReset(error)).toBe(true);
  });

  test('a server: its request is aborted, and its response closes early', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using client = new Fixture('system/errors-client', {
      args: [String((server.address() as AddressInfo).port)],
    });
    const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    const failures = [errorEvent(request), errorOf(finished(response))];
    response.write('never to be finished');
    client.send({});
    const [aborted, premature] = await Promise.all(failures);
    expect(aborted).toMatchObject({ message: 'aborted', code: 'ECONNRESET' });
    expect(premature).toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
    expect(isConnectionReset(aborted)).toBe(true);
    expect(isConnectionReset(premature)).toBe(true);
    server.close();
  });

  test('an error of this package', async () => {
    expect(isConnectionReset(new SocketError('recv', -104))).toBe(true);
    expect(isConnectionReset(new SocketError('send', -32))).toBe(true);
    expect(isConnectionReset(new SocketError('connect', -103))).toBe(true);
    expect(isConnectionReset(new AggregateError([new Error('one'), new SocketError('recv', -104)]))).toBe(true);
    expect(isConnectionReset(new Error('outer', { cause: new Error('inner', { cause: { code: 'EPIPE' } }) }))).toBe(
      true,
    );
  });
});

describe('isConnectionReset does not match', () => {
  test('a refused connection, one address or two', async () => {
    // Port 1 of the loopback: no one listens there.
    expect(await errorEvent(connect(1, '127.0.0.1'))).toSatisfy(
      (error) => error.code === 'ECONNREFUSED' && !isConnectionReset(error),
    );
    const error = await errorOf(fetch('http://127.0.0.1:9'));
    expect(isConnectionReset(error)).toBe(false);
  });

  test('an abort by this side', async () => {
    const error = await errorOf(fetch('http://127.0.0.1:9', { signal: AbortSignal.abort() }));
    expect(error.name).toBe('AbortError');
    expect(isConnectionReset(error)).toBe(false);
  });

  test('other errnos', () => {
    for (const errno of [-9, -88, -110, -113]) expect(isConnectionReset(new SocketError('recv', errno))).toBe(false);
  });

  test.each([
    undefined,
    null,
    0,
    -104,
    'ECONNRESET',
    Symbol('ECONNRESET'),
    104n,
    true,
    {},
    [],
    ['ECONNRESET'],
    () => {},
    new Error('ECONNRESET'),
  ])('%o', (value) => {
    expect(isConnectionReset(value)).toBe(false);
  });

  const throws = {
    get() {
      throw new Error('hostile');
    },
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const cycle: { cause?: unknown; errors?: unknown } = {};
  cycle.cause = { cause: cycle };
  cycle.errors = [cycle, cycle];
  const endless: object = Object.defineProperty({}, 'cause', { get: () => Object.create(endless) });
  const bottomless = new Proxy({}, { get: (_target, name) => (name === 'errors' ? undefined : bottomless) }) as object;

  test.each([
    ['a revoked proxy', proxy],
    ['a proxy that throws', new Proxy({}, throws)],
    ['a code that throws', Object.defineProperty({}, 'code', throws)],
    ['a cause that throws', Object.defineProperty(new Error(), 'cause', throws)],
    ['a code that has no string', { code: { toString: throws.get, valueOf: throws.get } }],
    ['a cycle', cycle],
    ['a cause without end', endless],
    ['a proxy that is its own cause', bottomless],
    ['errors that throw', { errors: new Proxy([1], throws) }],
    ['a sparse list of errors', { errors: new Array(4_000_000_000) }],
  ])('%s', (_name, value) => {
    expect(isConnectionReset(value)).toBe(false);
  });

  test('but finds the reset in a cycle', () => {
    expect(isConnectionReset({ cause: cycle, errors: [cycle, { code: 'ECONNRESET' }] })).toBe(true);
  });
});

describe('SocketError', () => {
  function realOne(): SocketError {
    try {
      pendingBytes(2 ** 31 - 1);
    } catch (error) {
      return error as SocketError;
    }
    throw new Error('it did not throw');
  }

  test("has the shape and the sign of Node's own errors", async () => {
    const error = realOne();
    expect(error).toBeInstanceOf(SocketError);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'SocketError',
      code: 'EBADF',
      errno: -9,
      syscall: expect.stringMatching(/^[a-z]+$/),
    });
    expect(error.message).toBe(`${error.syscall} EBADF: bad file descriptor`);
    expect(Object.hasOwn(error, 'cause')).toBe(false);

    const [node] = await once(connect(1, '127.0.0.1'), 'error');
    for (const property of ['code', 'errno', 'syscall'] as const) {
      expect(typeof error[property]).toBe(typeof node[property]);
      expect(Object.keys(error)).toContain(property);
    }
    expect(Math.sign(node.errno)).toBe(-1);
  });

  test('shows its name where an error is printed', () => {
    const error = realOne();
    expect(String(error)).toBe(`SocketError: ${error.message}`);
    expect(error.stack).toMatch(/^SocketError: /);
    expect(inspect(error)).toMatch(/^SocketError: /);
  });

  test('has a code even for an unknown errno', () => {
    expect(new SocketError('recv', -9_999)).toMatchObject({ code: expect.any(String), errno: -9_999 });
    expect(new SocketError('recv', 0)).toMatchObject({ code: expect.any(String) });
  });
});
