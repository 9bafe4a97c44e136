// Idle connections that the application ends while its server is being closed: hapi, Apollo's drain plugin and
// stoppable do so, and a request that is on its way would be lost.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { closeServer } from 'lingering-close';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

class Client {
  readonly #socket;
  text = '';
  /** 'end' or the code of an error. */
  readonly end: Promise<string>;

  constructor(protocol: string, port: number) {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false };
    this.#socket = protocol === 'https' ? connectTls(options) : connect(options);
    this.#socket.setEncoding('latin1').on('data', (chunk) => {
      this.text += chunk;
    });
    this.end = once(this.#socket, 'end').then(
      () => 'end',
      ({ code }) => code,
    );
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  halfClose(): void {
    this.#socket.end();
  }

  async has(text: RegExp): Promise<void> {
    while (!text.test(this.text)) await once(this.#socket, 'data');
  }
}

test('a connection that is no socket, and that the application emits, ends behind its last response', async () => {
  const server = createServer((_request, response) => response.end('answered'));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const closed = closeServer(server, { drainDelay: 300 });
  let text = '';
  const stream = new Duplex({
    read() {},
    write(chunk, _encoding, callback) {
      text += chunk;
      callback();
    },
  });
  server.emit('connection', stream);
  stream.push('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(stream, 'finish');
  expect(text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
  // It is none of the connections that the server has accepted.
  expect(await closed).toMatchObject({ idle: 0, finished: 0, cut: 0 });
});

describe.each(['http', 'https'])('%s', (protocol) => {
  async function start(...args: string[]) {
    const fixture = new Fixture('shutdown/idle-ends', { args: [protocol, ...args] });
    const { port } = (await fixture.next()) as { port: number };
    const client = new Client(protocol, port);
    client.write(get('/'));
    await client.has(/answered$/);
    return { fixture, client };
  }

  async function close(fixture: Fixture) {
    fixture.send('close');
    expect(await fixture.next()).toEqual({ ended: true });
  }

  test('a request that comes behind the call is answered', async () => {
    const { fixture, client } = await start();
    await using _ = fixture;
    client.write(get('/'));
    await client.has(/answered[\s\S]*answered$/);
    await close(fixture);
    client.write(get('/'));
    expect(await client.end).toBe('end');
    expect(client.text.match(/answered/g)).toHaveLength(3);
    expect(client.text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
    expect(await fixture.next()).toEqual({ report: { idle: 0, finished: 1, cut: 0 } });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test('without a request the connection ends', async () => {
    const { fixture, client } = await start();
    await using _ = fixture;
    await close(fixture);
    expect(await client.end).toBe('end');
    expect(await fixture.next()).toEqual({ report: { idle: 1, finished: 0, cut: 0 } });
  });

  test('where a method of the class is read-only', async () => {
    const { fixture, client } = await start('250', 'read-only');
    await using _ = fixture;
    await close(fixture);
    client.write(get('/'));
    expect(await client.end).toBe('end');
    expect(client.text.match(/answered/g)).toHaveLength(2);
    expect(await fixture.next()).toEqual({ report: { idle: 0, finished: 1, cut: 0 } });
  });

  test('a client that ends first is answered with the end at once', async () => {
    const { fixture, client } = await start();
    await using _ = fixture;
    await close(fixture);
    client.halfClose();
    expect(await client.end).toBe('end');
    expect(await fixture.next()).toMatchObject({ report: { cut: 0 } });
  });

  test('a response that its application ends in the middle is ended', async () => {
    const { fixture, client } = await start();
    await using _ = fixture;
    await close(fixture);
    client.write(get('/ends'));
    expect(await client.end).toBe('end');
    expect(client.text).toMatch(/some\r\n$/);
  });

  test('with settle: 0 it ends at once', async () => {
    const { fixture, client } = await start('0');
    await using _ = fixture;
    await close(fixture);
    expect(await client.end).toBe('end');
    expect(await fixture.next()).toMatchObject({ report: { cut: 0 } });
  });
});
