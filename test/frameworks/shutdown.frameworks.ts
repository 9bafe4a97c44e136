// A shutdown with each framework of docs/shutdown.md that is no devDependency of the package; for the others see
// test/shutdown/frameworks.test.ts. The call is the one of the page, or the framework's own close() comes before,
// beside or behind it, or not at all.

import { describe, expect, test } from 'vitest';
import { FrameworkClient, FrameworkShutdown, NOTHING_LOST, shutDownUnderHttp } from '../support/framework-shutdown.ts';

const ORDERS = ['as documented', 'alone', 'before', 'beside', 'after'];

/** The frameworks over node:http, and their own hook at the end. */
const OVER_HTTP: Record<string, { hook?: string; orders: string[] }> = {
  apollo: { hook: 'serverWillStop', orders: [...ORDERS, 'own signals'] },
  hapi: { hook: 'onPostStop', orders: ORDERS },
  nest: { hook: 'beforeApplicationShutdown', orders: [...ORDERS, 'own signals'] },
  // Behind its close(), Next calls each request a bug of its own.
  next: { orders: ['as documented', 'alone', 'after'] },
  'socket.io': { orders: ORDERS },
  trpc: { orders: ORDERS },
};

describe.concurrent.each(Object.entries(OVER_HTTP))('%s', (name, { hook, orders }) => {
  test.each(orders)('its own close(): %s', async (order) => {
    await using server = new FrameworkShutdown(name, order);
    await server.started();
    await shutDownUnderHttp(server);
    expect(await server.end()).toEqual(NOTHING_LOST);
    expect(server.hooks).toEqual(hook && order !== 'alone' ? [hook] : []);
  });
});

test.concurrent.each(['as documented', 'before', 'beside'])('clients of socket.io: %s', async (order) => {
  await using server = new FrameworkShutdown('socket.io', order);
  await using client = new FrameworkClient('socket.io', await server.started());
  expect(await client.next()).toBe('ready');
  await shutDownUnderHttp(server);
  client.send('go');
  // Told of the end, each of them connects again.
  expect(await client.next()).toEqual({ echoes: ['hello', 'hello'], reasons: ['transport close', 'transport close'] });
  expect(await server.end()).toEqual(NOTHING_LOST);
});

test.concurrent.each(ORDERS)('grpc-js, its own tryShutdown(): %s', async (order) => {
  await using server = new FrameworkShutdown('grpc-js', order);
  await using client = new FrameworkClient('grpc-js', await server.started());
  expect(await client.next()).toBe('ready');
  await server.asked('/slow', '/upload');
  server.terminate();
  client.send('go');
  expect(await client.next()).toEqual({ slow: 'slow', upload: String(1 << 20), now: 'now', downloaded: 8 << 20 });
  expect(await server.end()).toEqual(NOTHING_LOST);
});
