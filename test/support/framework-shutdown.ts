// A process with a framework that is shut down while clients upload, download, wait, and are idle.

import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { Fixture } from './fixture.ts';
import { NodeProcess } from './node-process.ts';
import { node } from './project.ts';

const MB = 1 << 20;

type Message = string | { port: number } | { hook: string } | { report: Record<string, unknown> };

/** How a process ends that has lost nothing. */
export const NOTHING_LOST = {
  code: 0,
  signal: null,
  stderr: '',
  report: expect.objectContaining({ cut: 0, aborted: false, servers: 1 }),
};

/** A client of test/frameworks/clients, for the framework's own protocol. */
export class FrameworkClient extends NodeProcess {
  readonly #inbox: unknown[] = [];

  constructor(name: string, port: number) {
    super(node, fileURLToPath(new URL(`../frameworks/clients/${name}.mjs`, import.meta.url)), { args: [String(port)] });
    this.process.on('message', (message) => {
      this.#inbox.push(message);
      this.wake();
    });
  }

  async next(): Promise<unknown> {
    await this.until(() => this.#inbox.length > 0, 'the client has ended');
    return this.#inbox.shift();
  }
}

export class FrameworkShutdown implements AsyncDisposable {
  readonly #fixture: Fixture<Message>;
  readonly #urls: string[] = [];
  readonly hooks: string[] = [];
  #report: Record<string, unknown> | undefined;
  port = 0;

  constructor(name: string, order: string) {
    this.#fixture = new Fixture<Message>('shutdown/frameworks', { args: [name, order] });
  }

  async started(): Promise<number> {
    this.port = ((await this.#fixture.next()) as { port: number }).port;
    return this.port;
  }

  /** Until the server has got a request for each of these. */
  async asked(...paths: string[]): Promise<void> {
    for (const path of paths) {
      while (!this.#urls.includes(path)) await this.#read();
      this.#urls.splice(this.#urls.indexOf(path), 1);
    }
  }

  terminate(): void {
    this.#fixture.process.kill('SIGTERM');
  }

  /** How the process has ended, with all that it has said. */
  async end(): Promise<{ code: number | null; signal: string | null; stderr: string; report: unknown }> {
    while (!this.#report) await this.#read();
    const { code, signal } = await this.#fixture.exit;
    for (const message of this.#fixture.rest()) this.#take(message);
    return { code, signal, stderr: this.#fixture.stderr, report: this.#report };
  }

  async #read(): Promise<void> {
    this.#take(await this.#fixture.next());
  }

  #take(message: Message): void {
    if (typeof message === 'string') this.#urls.push(message);
    else if ('hook' in message) this.hooks.push(message.hook);
    else if ('report' in message) this.#report = message.report;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#fixture[Symbol.asyncDispose]();
  }
}

/**
 * Shuts an application down while these are in flight: a slow request, an upload, the download of a slow reader, a
 * connection that has sent nothing, one that is idle, and one on which a request is sent at that moment.
 * @param isRefused whether the framework answers such a request with 503
 */
export async function shutDownUnderHttp(server: FrameworkShutdown, isRefused = false): Promise<void> {
  const { port } = server;
  const kept = new Agent({ keepAlive: true });
  expect(await send(port, '/now', kept)).toContain('now');
  const idle = connect(port, '127.0.0.1');
  idle.write('GET /now HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(idle, 'data');
  await server.asked('/now', '/now');
  // A slow reader: the response is larger than all buffers, and read when the shutdown has begun.
  const reader = connect(port, '127.0.0.1').pause();
  reader.write('GET /big HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(reader, 'readable');
  let upload: (rest: Buffer) => void = () => {};
  const rest = new Promise<Buffer>((resolve) => {
    upload = resolve;
  });
  const answers = [
    send(port, '/slow', new Agent({ keepAlive: true })),
    send(port, '/upload', new Agent({ keepAlive: true }), rest),
  ];
  const silent = connect(port, '127.0.0.1').on('error', () => {});
  await once(silent, 'connect');
  await server.asked('/big', '/slow', '/upload');
  // With 'error', this fails.
  const idleEnd = once(idle, 'end');
  server.terminate();
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
    expect.stringMatching(isRefused ? /now|Service Unavailable/ : /now/),
  ]);
  await idleEnd;
  silent.destroy();
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
