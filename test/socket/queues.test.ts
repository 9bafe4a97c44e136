import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pendingBytes, SocketError, send, unackedBytes } from '../../src/index.ts';
import { connectPair, rawDescriptor } from '../support/pair.ts';

describe('pendingBytes', () => {
  test.each(['IPv4', 'IPv6', 'UNIX'] as const)('is what has arrived and was not read, on %s', async (family) => {
    await using pair = await connectPair(family);
    expect(pendingBytes(pair.socket)).toBe(0);
    await pair.peer.send(1);
    expect(pendingBytes(pair.socket)).toBe(1);
    await pair.peer.send(9_999);
    expect(pendingBytes(pair.socket)).toBe(10_000);
    expect(pendingBytes(rawDescriptor(pair.socket))).toBe(10_000);
  });

  test('is 0 at EOF, and counts what is before the EOF', async () => {
    await using pair = await connectPair();
    await pair.peer.send(10);
    await pair.peer.shutdown();
    expect(pendingBytes(pair.socket)).toBe(10);
    pair.socket.resume();
    await once(pair.socket, 'end');
    expect(pendingBytes(pair.socket)).toBe(0);
  });

  test('does not count what the stream has already read', async () => {
    await using pair = await connectPair();
    await pair.peer.send(10);
    pair.socket.read(0);
    await once(pair.socket, 'readable');
    expect(pair.socket.readableLength).toBe(10);
    expect(pendingBytes(pair.socket)).toBe(0);
  });
});

describe('unackedBytes', () => {
  test.each(['IPv4', 'IPv6'] as const)(
    'is what the peer has no room for, and 0 when it has read everything, on %s',
    async (family) => {
      await using pair = await connectPair(family, { receiveBuffer: 4_096 });
      expect(unackedBytes(pair.socket)).toBe(0);
      const chunk = Buffer.alloc(1 << 16);
      let sent = 0;
      for (let took = -1; took !== 0; sent += took) took = send(pair.socket, chunk);
      const unacked = unackedBytes(pair.socket);
      expect(unacked).toBeGreaterThan(0);
      expect(unacked).toBeLessThanOrEqual(sent);
      expect(unackedBytes(rawDescriptor(pair.socket))).toBeLessThanOrEqual(unacked);

      expect(await pair.peer.receive(sent)).toMatchObject({ received: sent });
      await acknowledged();
      expect(unackedBytes(pair.socket)).toBe(0);

      // The last acknowledgement may be on its way when the peer has the last byte. The peer's own answer comes after
      // it.
      async function acknowledged() {
        await pair.peer.send(1);
        pair.socket.resume();
        await once(pair.socket, 'data');
      }
    },
  );

  test('counts the FIN as one, while the peer has no room for it', async () => {
    await using pair = await connectPair('IPv4', { receiveBuffer: 4_096 });
    const chunk = Buffer.alloc(1 << 16);
    for (let took = -1; took !== 0; ) took = send(pair.socket, chunk);
    const before = unackedBytes(pair.socket);
    pair.socket.end();
    await once(pair.socket, 'finish');
    expect(unackedBytes(pair.socket)).toBe(before + 1);
  });

  test('leaves out what the stream still holds', async () => {
    await using pair = await connectPair('IPv4', { receiveBuffer: 4_096 });
    pair.socket.write(Buffer.alloc(64 << 20));
    expect(pair.socket.writableLength).toBe(64 << 20);
    expect(unackedBytes(pair.socket)).toBeLessThan(64 << 20);
    expect(unackedBytes(pair.socket)).toBeGreaterThan(0);
  });

  test('on a UNIX socket is buffer memory: at least the bytes, and 0 when the peer has read them', async () => {
    await using pair = await connectPair('UNIX');
    expect(unackedBytes(pair.socket)).toBe(0);
    expect(send(pair.socket, Buffer.alloc(10_000))).toBe(10_000);
    expect(unackedBytes(pair.socket)).toBeGreaterThanOrEqual(10_000);
    await pair.peer.receive(10_000);
    expect(unackedBytes(pair.socket)).toBe(0);
  });
});

describe.each([
  ['pendingBytes', pendingBytes],
  ['unackedBytes', unackedBytes],
] as const)('%s refuses', (_name, queue) => {
  function check(fd: number, code: string, errno: number, syscall: string): void {
    expect(() => queue(fd)).toThrow(SocketError);
    expect(() => queue(fd)).toThrow(expect.objectContaining({ code, errno, syscall }));
  }

  test('a listening socket: EINVAL of ioctl', async () => {
    await using pair = await connectPair();
    check(rawDescriptor(pair.server), 'EINVAL', -22, 'ioctl');
  });

  test('a file and a pipe: ENOTSOCK', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
    const pipe = join(folder, 'pipe');
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    // Opening a FIFO for both reading and writing does not wait for another side.
    for (const fd of [openSync('/dev/null', 'r'), openSync(process.execPath, 'r'), openSync(pipe, constants.O_RDWR)]) {
      expect(() => queue(fd)).toThrow(expect.objectContaining({ name: 'SocketError', code: 'ENOTSOCK', errno: -88 }));
      closeSync(fd);
    }
    rmSync(folder, { recursive: true });
  });

  test('a closed descriptor: EBADF', () => {
    const fd = openSync('/dev/null', 'r');
    closeSync(fd);
    expect(() => queue(fd)).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'EBADF', errno: -9, syscall: expect.any(String) }),
    );
  });
});
