import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { send } from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import { connectPair, rawDescriptor } from '../support/pair.ts';
import { Peer } from '../support/peer.ts';

describe('what the kernel takes', () => {
  test.each(['IPv4', 'IPv6', 'UNIX'] as const)('is counted: all, some and 0 on %s', async (family) => {
    await using pair = await connectPair(family, { receiveBuffer: 4_096 });
    expect(send(pair.socket, Buffer.from('hello'))).toBe(5);
    const partial = send(rawDescriptor(pair.socket), Buffer.alloc(64 << 20));
    expect(partial).toBeGreaterThan(0);
    expect(partial).toBeLessThan(64 << 20);
    let sent = 5 + partial;
    for (let took = -1; took !== 0; sent += took) took = send(pair.socket, Buffer.alloc(1 << 16));
    expect(await pair.peer.receive(sent)).toMatchObject({ received: sent });
    expect(send(pair.socket, Buffer.from('there is room again'))).toBe(19);
    expect(await pair.peer.receive(19)).toMatchObject({ tail: expect.stringMatching(/there is room again$/) });
  });

  test('is the content of the data, wherever it lies', async () => {
    await using pair = await connectPair();
    const bytes = Buffer.from('0123456789');
    const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(65);
    const resizable = new Uint8Array(
      new (ArrayBuffer as never as new (size: number, options: object) => ArrayBuffer)(4, { maxByteLength: 8 }),
    );
    expect(send(pair.socket, bytes.subarray(3, 6))).toBe(3);
    expect(send(pair.socket, new Uint8Array(bytes.buffer, bytes.byteOffset + 7, 2))).toBe(2);
    expect(send(pair.socket, shared)).toBe(4);
    expect(send(pair.socket, resizable.fill(66))).toBe(4);
    expect(await pair.peer.receive(13)).toEqual({ received: 13, tail: '34578AAAABBBB' });
  });

  test('is nothing for empty and detached buffers', async () => {
    await using pair = await connectPair();
    expect(send(pair.socket, new Uint8Array())).toBe(0);
    const transferred = new Uint8Array(8);
    structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
    expect(send(pair.socket, transferred)).toBe(0);
    pair.socket.end();
    expect(await pair.peer.receive()).toMatchObject({ received: 0, end: 'eof' });
  });

  test('is nothing for a view that is now outside its resizable buffer', async () => {
    await using pair = await connectPair();
    const buffer = new (
      ArrayBuffer as never as new (
        size: number,
        options: object,
      ) => ArrayBuffer & { resize(size: number): void }
    )(64, {
      maxByteLength: 64,
    });
    const view = new Uint8Array(buffer, 32, 16);
    buffer.resize(8);
    expect(send(pair.socket, view)).toBe(0);
  });

  test('may come from another realm', async () => {
    await using pair = await connectPair();
    expect(send(pair.socket, runInNewContext('new Uint8Array([72, 105])'))).toBe(2);
    expect(await pair.peer.receive(2)).toEqual({ received: 2, tail: 'Hi' });
  });
});

describe('a closed peer', () => {
  test.each(['TCP', 'UNIX'])(
    'is EPIPE and does not end the process, although SIGPIPE is at its default, on %s',
    async (family) => {
      const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
      const path = join(folder, 'socket');
      await using fixture = new Fixture<{ port: number }>('socket/send-epipe', {
        args: family === 'UNIX' ? [path] : [],
      });
      const { port } = await fixture.next();
      await using peer = await Peer.connect(family === 'UNIX' ? { path } : { host: '127.0.0.1', port });
      await peer.close();
      fixture.send({});
      const error = { name: 'SocketError', code: 'EPIPE', errno: -32, syscall: 'send' };
      expect(await fixture.next()).toEqual({ errors: [error, error], sigpipe: 'default' });
      expect(await fixture.exit).toEqual({ code: 0, signal: null });
      rmSync(folder, { recursive: true });
    },
  );

  test('that has reset the connection is ECONNRESET', async () => {
    await using pair = await connectPair();
    await pair.peer.reset();
    expect(() => send(pair.socket, Buffer.alloc(1))).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'ECONNRESET', errno: -104, syscall: 'send' }),
    );
  });
});

describe('is refused', () => {
  test('while earlier writes are pending', async () => {
    await using pair = await connectPair();
    pair.socket.cork();
    pair.socket.write('first');
    expect(() => send(pair.socket, Buffer.from('second'))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE', message: expect.stringContaining('5 bytes') }),
    );
    pair.socket.uncork();
    if (pair.socket.writableLength > 0) await once(pair.socket, 'drain');
    expect(send(pair.socket, Buffer.from('second'))).toBe(6);
    expect(await pair.peer.receive(11)).toMatchObject({ tail: 'firstsecond' });
  });

  test('on TLS, whose encryption it would bypass', async () => {
    await using pair = await connectPair();
    const socket = new TLSSocket(pair.socket, { isServer: true });
    socket.on('error', () => {});
    expect(() => send(socket, Buffer.from('plain'))).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE', message: expect.stringContaining('encryption') }),
    );
    socket.destroy();
    expect(await pair.peer.receive()).toMatchObject({ received: 0 });
  });

  test('after end(), and on a closed socket', async () => {
    await using pair = await connectPair();
    pair.socket.end();
    expect(() => send(pair.socket, Buffer.alloc(1))).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }),
    );
    pair.socket.destroy();
    expect(() => send(pair.socket, Buffer.alloc(1))).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_CLOSED' }));
  });

  test.each([
    ['a string', 'text', `Received type string ('text')`],
    ['a DataView', new DataView(new ArrayBuffer(8)), 'Received an instance of DataView'],
    ['an ArrayBuffer', new ArrayBuffer(8), 'Received an instance of ArrayBuffer'],
    ['another typed array', new Uint16Array(8), 'Received an instance of Uint16Array'],
    ['an array', [1, 2], 'Received an instance of Array'],
    ['undefined', undefined, 'Received undefined'],
    ['null', null, 'Received null'],
    ['a number', 5, 'Received type number (5)'],
    ['what only looks like one', Object.create(Uint8Array.prototype), 'The "data" argument must be'],
    ['a Proxy of one', new Proxy(new Uint8Array(4), {}), 'The "data" argument must be'],
  ])('for %s', async (_name, data, message) => {
    await using pair = await connectPair();
    for (const socket of [pair.socket, rawDescriptor(pair.socket)]) {
      const call = () => send(socket, data as never);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', message: expect.stringContaining(message) }),
      );
    }
    pair.socket.end();
    expect(await pair.peer.receive()).toMatchObject({ received: 0, end: 'eof' });
  });
});
