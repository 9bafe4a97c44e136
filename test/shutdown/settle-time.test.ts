// How long a connection must have been idle before closeServer ends it, by how far its peer is. What comes of it at
// distance: npm run test:distance.
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { settleTime } from '../../src/shutdown/settle-time.ts';
import { roundTripOf } from '../../src/socket/round-trip.ts';
import { addon } from '../../src/system/addon.ts';
import { connectPair } from '../support/pair.ts';

describe('settleTime', () => {
  test.each([
    [20, 250, 250],
    [400, 250, 1_600],
    [400, 5_000, 5_000],
    [30_000, 250, 2_000],
    [400, 0, 0],
  ])('a round trip of %d ms, settle %d: %d ms', async (roundTrip, settle, expected) => {
    await using pair = await connectPair();
    const read = vi.spyOn(addon as { roundTrip(fd: number): number }, 'roundTrip');
    read.mockReturnValue(roundTrip * 1_000);
    expect(settleTime(pair.socket, settle)).toBe(expected);
    read.mockRestore();
  });

  test('settle alone counts where the round trip is not known', async () => {
    await using pair = await connectPair('UNIX');
    expect(settleTime(pair.socket, 250)).toBe(250);
  });

  test('the socket of an HTTP/2 session, which is a Proxy, tells its round trip too', async () => {
    const server = http2.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const [session] = (await once(server, 'session')) as [http2.ServerHttp2Session];
    expect(roundTripOf(session.socket as Socket)).toBeGreaterThan(0);
    client.destroy();
    session.destroy();
    server.close();
  });
});
