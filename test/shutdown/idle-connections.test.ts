// The look for idle connections takes several turns where there are many. What it has listed may be gone by then.
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { IdleConnections } from '../../src/shutdown/idle-connections.ts';

test('a parser that loses its socket between two slices does no harm', async () => {
  const parsers: { socket: Socket | null }[] = Array.from({ length: 100 }, () => ({ socket: new Socket() }));
  let looked = 0;
  // As Node does when connections end: their parsers go back to the pool.
  const endAll = () => {
    looked++;
    for (const parser of parsers) parser.socket = null;
    return null;
  };
  for (const { socket } of parsers) Object.defineProperty(socket, '_httpMessage', { get: endAll });
  const server = { [Symbol('http.server.connections')]: { idle: () => parsers, active: () => [] } };
  const idle = new IdleConnections({ server, sockets: [] } as never, 0);
  await idle.look(
    'idle',
    () => {},
    () => false,
  );
  expect(looked).toBe(100);
});
