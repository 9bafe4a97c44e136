import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import { createRequire } from 'node:module';
import { type AddressInfo, Server, Socket } from 'node:net';
import fastify from 'fastify';
import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { closeServer, lingerOnClose, pendingBytes, safeClose } from '../../src/index.ts';

// They bring no types.
const require = createRequire(import.meta.url);
const { default: express = require('express') } = require('express');
const { default: Koa = require('koa') } = require('koa');

/** The message of the error. */
function advice(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    return (error as Error).message;
  }
  throw new Error('it was taken');
}

describe('in place of a server', () => {
  const notListening = () => new http.Server();
  test.each<[string, () => unknown, string]>([
    ['express', () => express(), 'Pass what its listen() returns: const server = app.listen(port).'],
    ['koa', () => new Koa(), 'Pass what its listen() returns: const server = app.listen(port).'],
    ['fastify', () => fastify(), 'Pass its server: app.server.'],
    ['hapi', () => ({ listener: notListening() }), 'Pass its listener: server.listener.'],
    ['nest', () => new Proxy({ getHttpServer() {} }, {}), 'Pass app.getHttpServer().'],
    ['socket.io', () => ({ httpServer: notListening(), listen() {} }), 'Pass its server: httpServer.'],
    ['a promise', () => Promise.resolve(notListening()), 'Await it first. With Fastify pass app.server.'],
    ['a socket', () => new Socket(), 'For a single connection there is safeClose(socket).'],
    ['hono', () => new Hono(), 'Pass what serve() returns: const server = serve(app).'],
    ['several', () => [notListening()], 'Call it for each server.'],
  ])('%s', (_name, make, expected) => {
    expect(advice(() => lingerOnClose(make() as never))).toContain(expected);
    expect(advice(() => closeServer(make() as never))).toContain(expected);
  });

  test.each([null, undefined, 7, 'x', {}, () => {}])('%o gets none', (value) => {
    expect(advice(() => lingerOnClose(value as never))).not.toMatch(/Pass|Await|Call/);
  });

  test('what throws at a look is an ordinary wrong argument', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('do not look');
        },
      },
    );
    expect(advice(() => lingerOnClose(hostile as never))).toContain('Received');
    expect(() => safeClose(hostile as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  });
});

describe('in place of a socket', () => {
  test('a request, a response, and the null that is left of its socket', async () => {
    const server = http.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = http.get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
    client.on('error', () => {});
    const [request, response] = await once(server, 'request');
    for (const value of [request, response, client]) {
      expect(advice(() => safeClose(value))).toContain('Pass its socket: request.socket.');
      expect(advice(() => pendingBytes(value))).toContain('Pass its socket: request.socket.');
    }
    response.end();
    await once(response, 'close');
    expect(advice(() => safeClose(response.socket))).toContain('keep request.socket before that.');
    client.destroy();
    server.close();
  });

  test('HTTP/2: a session, a stream, a request and a response', async () => {
    const server = http2.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    client.request();
    const [request, response] = await once(server, 'request');
    expect(advice(() => safeClose(request.stream.session))).toContain('Call the close() of an HTTP/2 session');
    expect(advice(() => lingerOnClose(request.stream.session))).toContain('Pass the server that it came from.');
    for (const value of [request, response, request.stream]) {
      expect(advice(() => safeClose(value))).toContain('HTTP/2 carries many requests on one connection');
    }
    client.destroy();
    server.close();
  });

  test.each<[string, () => unknown, string]>([
    ['a server', () => new Server(), 'For a server there is closeServer(server).'],
    ['a promise', () => Promise.resolve(new Socket()), 'Await it first.'],
    ['a reply of fastify', () => ({ raw: {} }), 'Pass its socket: reply.raw.socket.'],
    ['a WebSocket of ws', () => ({ _socket: new Socket() }), 'Call its own close()'],
  ])('%s', (_name, make, expected) => {
    expect(advice(() => safeClose(make() as never))).toContain(expected);
  });
});
