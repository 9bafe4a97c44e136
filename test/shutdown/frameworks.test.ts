// A shutdown with each framework that the package has as a devDependency; test/frameworks has the others. The call is
// the one of docs/shutdown.md, or the framework's own close() comes before, beside or behind it, or not at all.

import { describe, expect, test } from 'vitest';
import { FrameworkClient, FrameworkShutdown, NOTHING_LOST, shutDownUnderHttp } from '../support/framework-shutdown.ts';

describe.each(['node', 'express', 'fastify', 'koa', 'hono'])('%s', (name) => {
  const own = ['before', 'beside', 'after'];

  test.each(['as documented', 'alone', ...own])('its own close(): %s', async (order) => {
    await using server = new FrameworkShutdown(name, order);
    await server.started();
    // Fastify answers 503 once its close() is called.
    await shutDownUnderHttp(server, name === 'fastify' && (order === 'before' || order === 'beside'));
    expect(await server.end()).toEqual(NOTHING_LOST);
    expect(server.hooks).toEqual(name === 'fastify' && order !== 'alone' ? ['onClose'] : []);
  });
});

test.each(['as documented', 'before', 'beside'])('ws: %s', async (order) => {
  await using server = new FrameworkShutdown('ws', order);
  await using client = new FrameworkClient('ws', await server.started());
  expect(await client.next()).toBe('ready');
  await shutDownUnderHttp(server);
  expect(await client.next()).toEqual({ ends: [1001, 1001] });
  expect(await server.end()).toEqual(NOTHING_LOST);
});
