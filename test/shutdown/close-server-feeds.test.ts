// Responses without an end of their own.
import { once } from 'node:events';
import { connect } from 'node:http2';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { rawRequest } from '../support/raw-request.ts';

interface Message {
  port: number;
}

describe('HTTP/1', () => {
  test('server-sent events, and a long poll', async () => {
    await using fixture = new Fixture<Message>('shutdown/close-server-feeds', { args: ['http'] });
    const { port } = await fixture.next();
    const events = await rawRequest(port, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await fixture.next()).toBe('/events');
    const poll = await rawRequest(port, 'GET /poll HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await fixture.next()).toBe('/poll');
    fixture.send({ timeout: 60_000 });
    expect(await events.text).toMatch(/event: bye\ndata:\n\n\r\n0\r\n\r\n$/);
    expect(await poll.text).toMatch(/^HTTP\/1.1 204 No Content\r\n[\s\S]*Connection: close\r\n/);
    expect(await fixture.next()).toEqual({ closing: true });
    expect(await fixture.next()).toMatchObject({ calls: 2, report: { cut: 0 } });
  });

  test('one that is asked for on a connection that is open still', async () => {
    await using fixture = new Fixture<Message>('shutdown/close-server-feeds', { args: ['http'] });
    const { port } = await fixture.next();
    const events = await rawRequest(port, 'GET /events HTTP/1.1\r\nHost: x\r\n');
    fixture.send({ timeout: 60_000 });
    expect(await fixture.next()).toEqual({ closing: true });
    events.write('\r\n');
    expect(await events.text).toMatch(/event: bye\ndata:\n\n\r\n0\r\n\r\n$/);
    expect(await fixture.next()).toBe('/events');
    expect(await fixture.next()).toMatchObject({ calls: 1, report: { cut: 0 } });
  });

  test('one that the application has not got yet is told behind that', async () => {
    await using fixture = new Fixture<Message | string>('shutdown/close-server-feeds', { args: ['http'] });
    const { port } = (await fixture.next()) as Message;
    const events = await rawRequest(port, 'GET /events HTTP/1.1\r\nHost: x\r\n');
    fixture.send({ drainDelay: 60_000, listensAgain: true });
    expect(await fixture.next()).toEqual({ closing: true });
    events.write('\r\n');
    expect(await fixture.next()).toBe('/events');
    expect(await fixture.next()).toBe('goodbye');
    expect(await events.text).toMatch(/event: bye\ndata:\n\n\r\n0\r\n\r\n$/);
  });

  test.each(['throws', 'rejects'])('it %s: a warning, and the response is cut at timeout', async (fails) => {
    await using fixture = new Fixture<Message>('shutdown/close-server-feeds', { args: ['http'] });
    const { port } = await fixture.next();
    const events = await rawRequest(port, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await fixture.next()).toBe('/events');
    fixture.send({ timeout: 100, fails });
    expect(await fixture.next()).toEqual({ closing: true });
    expect(await fixture.next()).toMatchObject({ calls: 1, report: { cut: 1 } });
    await events.text;
    await expect.poll(() => fixture.stderr).toContain('The goodbyeResponse function of closeServer() failed');
  });
});

test('HTTP/2', async () => {
  await using fixture = new Fixture<Message>('shutdown/close-server-feeds', { args: ['http2'] });
  const session = connect(`http://127.0.0.1:${(await fixture.next()).port}`);
  const texts = ['/events', '/poll'].map(async (path) => {
    const stream = session.request({ ':path': path });
    let text = '';
    stream.setEncoding('latin1').on('data', (chunk) => {
      text += chunk;
    });
    const [headers] = await once(stream, 'response');
    await once(stream, 'close');
    return [headers[':status'], text];
  });
  for (let i = 0; i < 2; i++) await fixture.next();
  fixture.send({ timeout: 60_000 });
  expect(await Promise.all(texts)).toEqual([
    [200, 'data: 1\n\nevent: bye\ndata:\n\n'],
    [204, ''],
  ]);
  expect(await fixture.next()).toEqual({ closing: true });
  expect(await fixture.next()).toMatchObject({ calls: 2, report: { cut: 0 } });
});
