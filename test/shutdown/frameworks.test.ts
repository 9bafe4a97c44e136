// A shutdown with each framework, whose own close() comes before, beside or behind it: clients lose nothing.

import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

const MB = 1 << 20;

/** What has to be installed for each. */
const FRAMEWORKS: Record<string, string[]> = {
  node: [],
  express: ['express'],
  fastify: ['fastify'],
  koa: ['koa'],
  hono: ['hono', '@hono/node-server'],
  hapi: ['@hapi/hapi'],
  nest: ['@nestjs/core', '@nestjs/common', '@nestjs/platform-express', 'reflect-metadata', 'rxjs'],
  'socket.io': ['socket.io'],
  trpc: ['@trpc/server'],
  apollo: ['@apollo/server', 'graphql'],
};

const { resolve } = createRequire(import.meta.url);

function isInstalled(name: string): boolean {
  try {
    return resolve(name) !== '';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND';
  }
}

function send(port: number, path: string, agent: Agent, body?: Promise<Buffer>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        host: '127.0.0.1',
        path,
        agent,
        method: body ? 'POST' : 'GET',
        headers: body ? { 'content-length': MB } : {},
      },
      async (response) => {
        let text = '';
        try {
          for await (const chunk of response.setEncoding('latin1')) text += chunk;
          resolve(text);
        } catch (error) {
          reject(error);
        }
      },
    );
    sent.on('error', reject);
    if (!body) sent.end();
    else {
      sent.write(Buffer.alloc(MB / 2, 'x'));
      body.then((rest) => sent.end(rest));
    }
  });
}

describe.each(Object.entries(FRAMEWORKS))('%s', (name, modules) => {
  const missing = modules.filter((module) => !isInstalled(module));
  const reason = missing.length > 0 ? ` (skipped: ${missing.join(', ')} not installed)` : '';

  test.skipIf(reason).each(['alone', 'before', 'beside', 'after'])(`its own close(): %s${reason}`, async (order) => {
    await using fixture = new Fixture('shutdown/frameworks', { args: [name, order] });
    const { port } = (await fixture.next()) as unknown as { port: number };
    const asked = async (...paths: string[]) => {
      for (const _path of paths) expect(paths).toContain(await fixture.next());
    };
    const agent = () => new Agent({ keepAlive: true });
    const kept = agent();
    expect(await send(port, '/now', kept)).toContain('now');
    await asked('/now');
    // A slow reader: the response is larger than all buffers, and read when the shutdown has begun.
    const reader = connect(port, '127.0.0.1').pause();
    reader.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(reader, 'readable');
    let upload: (rest: Buffer) => void = () => {};
    const answers = [
      send(port, '/slow', agent()),
      send(
        port,
        '/upload',
        agent(),
        new Promise((resolve) => {
          upload = resolve;
        }),
      ),
    ];
    const silent = connect(port, '127.0.0.1').on('error', () => {});
    await once(silent, 'connect');
    await asked('/big', '/slow', '/upload');
    fixture.process.kill('SIGTERM');
    // At once, on a connection that was kept alive.
    answers.push(send(port, '/now', kept));
    upload(Buffer.alloc(MB / 2, 'x'));
    let received = 0;
    for await (const chunk of reader) {
      received += chunk.length;
      if (received > 8 * MB) break;
    }
    expect(received).toBeGreaterThan(8 * MB);
    expect(await Promise.all(answers)).toEqual([
      expect.stringContaining('slow'),
      expect.stringContaining(String(MB)),
      // Fastify answers 503 once its close() is called.
      expect.stringMatching(name === 'fastify' && order !== 'alone' ? /now|Service Unavailable/ : /now/),
    ]);
    await asked('/now');
    expect(await fixture.next()).toMatchObject({ report: { cut: 0, aborted: false, servers: 1 } });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(fixture.stderr).toBe('');
    silent.destroy();
  });
});
