// Connections that the kernel has accepted, and the process has not.
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { rawRequest } from '../support/raw-request.ts';

const COUNT = 20;

async function start(host: string): Promise<{ fixture: Fixture<{ port: number }>; port: number }> {
  const fixture = new Fixture<{ port: number }>('shutdown/close-server-backlog', { args: [host] });
  return { fixture, port: (await fixture.next()).port };
}

test.each([
  ['127.0.0.1', 'before the call', COUNT, false],
  ['::', 'before the call', COUNT, false],
  // Few, as the time for all is limited.
  ['127.0.0.1', 'behind it', 3, true],
])('all of them are accepted and answered: %s, %s', async (host, _when, count, late) => {
  const { fixture: started, port } = await start(host);
  await using fixture = started;
  fixture.send({ connections: count, late });
  expect(await fixture.next()).toBe('blocked');
  const requests = await Promise.all(
    Array.from({ length: count }, (_, i) => rawRequest(port, `GET /${i} HTTP/1.1\r\nHost: x\r\n\r\n`)),
  );
  const answers = await Promise.all(requests.map(({ text }) => text));
  answers.forEach((answer, i) => {
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 200 OK\r\n[\\s\\S]*Connection: close\r\n[\\s\\S]*\r\n\r\n/${i}$`));
  });
  expect(await fixture.next()).toMatchObject({ finished: count, cut: 0 });
});

// They wait for the other process. Here it ends, and with it the backlog.
test.each([
  ['those that are lost count as cut', '127.0.0.1', false, COUNT],
  ['those that are lost count as cut', '::', false, COUNT],
  ['those of another process do not', '127.0.0.1', true, 0],
])('%s: %s', async (_name, host, shared, cut) => {
  const { fixture: started, port } = await start(host);
  await using fixture = started;
  fixture.send({ connections: COUNT, abort: true, shared });
  expect(await fixture.next()).toBe('blocked');
  const requests = await Promise.all(
    Array.from({ length: COUNT }, () => rawRequest(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')),
  );
  for (const { text } of requests) expect(await text).toBe('<ECONNRESET>');
  expect(await fixture.next()).toMatchObject({ finished: 0, cut, aborted: true });
});
