import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { getLinger, pendingBytes, send, setLinger, unackedBytes } from '../../src/index.ts';
import { connectPair, rawDescriptor } from '../support/pair.ts';

// Every function that takes a SocketLike reports the same for a bad one.
const FUNCTIONS: [string, (socket: never) => unknown][] = [
  ['setLinger', (socket) => setLinger(socket, 1)],
  ['getLinger', getLinger],
  ['pendingBytes', pendingBytes],
  ['unackedBytes', unackedBytes],
  ['send', (socket) => send(socket, Buffer.alloc(1))],
];

function thrownBy(call: (socket: never) => unknown, socket: unknown): NodeJS.ErrnoException {
  try {
    call(socket as never);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not throw');
}

describe.each(FUNCTIONS)('%s', (_name, call) => {
  test.each([
    [undefined, 'Received undefined'],
    [null, 'Received null'],
    ['3', `Received type string ('3')`],
    [3n, 'Received type bigint (3n)'],
    [true, 'Received type boolean (true)'],
    [{}, 'Received an instance of Object'],
    [{ _handle: { fd: 0 } }, 'Received an instance of Object'],
    [{ fd: 0 }, 'Received an instance of Object'],
    [() => {}, 'Received '],
    [Symbol('fd'), 'Received type symbol (Symbol(fd))'],
    [Object.create(null), 'Received '],
    [new Duplex(), 'Received an instance of Duplex'],
    [createServer(), 'Received an instance of Server'],
  ])('%o is not a socket', (value, message) => {
    const error = thrownBy(call, value);
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).toBe('ERR_INVALID_ARG_TYPE');
    expect(error.message).toMatch(
      /^The "socket" argument must be an instance of net\.Socket or tls\.TLSSocket, or a file descriptor\. /,
    );
    expect(error.message).toContain(message);
  });

  test('survives an object whose name cannot be read', () => {
    const hostile = Object.defineProperty({}, 'constructor', {
      get() {
        throw new Error('hostile');
      },
    });
    expect(thrownBy(call, hostile)).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  test.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, 2 ** 32, 2 ** 53])(
    '%d is not a descriptor',
    (value) => {
      const error = thrownBy(call, value);
      expect(error).toBeInstanceOf(RangeError);
      expect(error.code).toBe('ERR_OUT_OF_RANGE');
      expect(error.message).toBe(
        'The value of "socket" is out of range. It must be a file descriptor, an integer >= 0 && <= 2147483647. ' +
          `Received ${value}`,
      );
    },
  );

  test('EBADF for a descriptor that is closed or was never open', () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    for (const bad of [fd, 2 ** 31 - 1]) {
      expect(thrownBy(call, bad)).toMatchObject({
        name: 'SocketError',
        code: 'EBADF',
        errno: -9,
        syscall: expect.any(String),
      });
    }
  });

  test('ENOTSOCK for a descriptor that is not a socket', () => {
    const fd = openSync('/dev/null', 'r+');
    expect(thrownBy(call, fd)).toMatchObject({
      name: 'SocketError',
      code: 'ENOTSOCK',
      errno: -88,
      syscall: expect.any(String),
    });
    closeSync(fd);
  });

  test('ERR_SOCKET_CLOSED after destroy(), and never the next owner of the number', async () => {
    await using pair = await connectPair();
    const number = rawDescriptor(pair.socket);
    pair.socket.destroy();
    // The kernel gives the lowest free number: sooner or later ours.
    const opened = [openSync('/dev/null', 'r')];
    while (!opened.includes(number)) opened.push(openSync('/dev/null', 'r'));
    expect(thrownBy(call, pair.socket)).toMatchObject({ code: 'ERR_SOCKET_CLOSED', message: 'Socket is closed' });
    opened.forEach(closeSync);
    await once(pair.socket, 'close');
    expect(thrownBy(call, pair.socket)).toMatchObject({ code: 'ERR_SOCKET_CLOSED' });
  });

  test('ERR_INVALID_STATE for a socket that is not connected', async () => {
    expect(thrownBy(call, new Socket())).toMatchObject({
      code: 'ERR_INVALID_STATE',
      message: expect.stringContaining('not connected'),
    });
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    expect(thrownBy(call, socket)).toMatchObject({ code: 'ERR_INVALID_STATE' });
    // By now libuv has a descriptor for it, which is not connected yet.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    expect(socket.connecting).toBe(true);
    expect(thrownBy(call, socket)).toMatchObject({ code: 'ERR_INVALID_STATE' });
    await once(socket, 'connect');
    socket.destroy();
    server.close();
  });

  test('ERR_INVALID_HANDLE_TYPE for TLS over a Duplex', () => {
    const socket = new TLSSocket(new Duplex({ read() {}, write() {} }) as Socket);
    const error = thrownBy(call, socket);
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      code: 'ERR_INVALID_HANDLE_TYPE',
      message: expect.stringContaining('TLS over a stream'),
    });
    socket.destroy();
    expect(thrownBy(call, socket)).toMatchObject({ code: 'ERR_SOCKET_CLOSED' });
  });
});

// send() refuses TLS, and has its own test for that.
test.each(FUNCTIONS.filter(([name]) => name !== 'send'))(
  '%s takes the descriptor of TLS over TCP',
  async (_name, call) => {
    await using pair = await connectPair();
    const socket = new TLSSocket(pair.socket, { isServer: true });
    socket.on('error', () => {});
    expect(() => call(socket as never)).not.toThrow();
    setLinger(socket, false);
    socket.destroy();
  },
);
