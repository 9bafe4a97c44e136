// A connection between a socket of this process and a raw peer in another.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Peer } from './peer.ts';

export type Family = 'IPv4' | 'IPv6' | 'UNIX';

export interface Pair extends AsyncDisposable {
  server: Server;
  /** A socket that does not read: what the peer sends stays in the kernel. */
  socket: Socket;
  peer: Peer;
}

export async function connectPair(family: Family = 'IPv4', options: { receiveBuffer?: number } = {}): Promise<Pair> {
  const folder = mkdtempSync(join(tmpdir(), 'lingering-close-'));
  const path = join(folder, 'socket');
  const host = family === 'IPv6' ? '::1' : '127.0.0.1';
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  server.listen(family === 'UNIX' ? { path } : { host, port: 0 });
  await once(server, 'listening');
  const accepted = once(server, 'connection');
  const address = family === 'UNIX' ? { path } : { host, port: (server.address() as AddressInfo).port };
  const peer = await Peer.connect(address, options);
  const [socket] = (await accepted) as [Socket];
  return {
    server,
    socket,
    peer,
    async [Symbol.asyncDispose]() {
      // A peer that closes first may leave a RST behind.
      socket.on('error', () => {});
      socket.destroy();
      server.close();
      await peer.kill();
      rmSync(folder, { recursive: true });
    },
  };
}

/** The descriptor of a Node socket, for tests on raw descriptors. */
export function rawDescriptor(of: Socket | Server): number {
  return (of as unknown as { _handle: { fd: number } })._handle.fd;
}
