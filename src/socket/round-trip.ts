// How far away the peer of a connection is.

import type { Socket } from 'node:net';
import { addon } from '../system/addon.ts';
import { findDescriptor } from './descriptor.ts';

/**
 * The round trip of a TCP connection, in milliseconds: the kernel's own average, which it takes from the handshake and
 * from the acknowledgements of what we send. The time for which the peer delays an acknowledgement is part of it.
 * Never throws.
 *
 * @returns null where it cannot be known: a UNIX socket, a closed socket, another system than Linux, no addon
 *
 * Source: tcp(7), TCP_INFO; `tcpi_rtt`, `tcp_get_info` in Linux.
 */
export function roundTripOf(socket: Socket): number | null {
  const microseconds = addon?.roundTrip?.(findDescriptor(socket)) ?? -1;
  return microseconds > 0 ? microseconds / 1_000 : null;
}
