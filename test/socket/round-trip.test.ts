// The round trip as the kernel measures it. That it is the true one, over a network with a distance:
// test/distance/emulator.test.ts.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { roundTripOf } from '../../src/socket/round-trip.ts';
import { connectPair } from '../support/pair.ts';

describe('roundTripOf', () => {
  test.each(['IPv4', 'IPv6'] as const)('%s over loopback: known from the handshake, and short', async (family) => {
    await using pair = await connectPair(family);
    const roundTrip = roundTripOf(pair.socket);
    expect(roundTrip).toBeGreaterThan(0);
    expect(roundTrip).toBeLessThan(1_000);
  });

  test('null for a UNIX socket, a closed socket, and one without a descriptor', async () => {
    await using unix = await connectPair('UNIX');
    expect(roundTripOf(unix.socket)).toBeNull();
    await using tcp = await connectPair();
    tcp.socket.destroy();
    await once(tcp.socket, 'close');
    expect(roundTripOf(tcp.socket)).toBeNull();
    expect(roundTripOf(new TLSSocket(new PassThrough() as never))).toBeNull();
  });
});
