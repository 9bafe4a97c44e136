// What the application writes goes out unchanged while its server is being closed.
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { rawRequest, withoutConnection } from '../support/raw-request.ts';

/** Node's own word, which the closing may change; and what the application has said itself, which it may not. */
const OWN: Record<string, string> = {
  '/own-close': 'close',
  '/own-keep-alive': 'keep-alive',
  '/own-set': 'keep-alive',
};

test.each([
  ['HTTP/1.1', ''],
  ['HTTP/1.0', ''],
  ['HTTP/1.0', 'Connection: keep-alive\r\n'],
  ['HTTP/1.1', 'Connection: close\r\n'],
])('%s %s', async (version, header) => {
  await using fixture = new Fixture<{ port: number; paths: string[] }>('shutdown/close-server-writers');
  const { port, paths: all } = await fixture.next();
  // Trailers want chunks, and HTTP/1.0 has none.
  const paths = all.filter((path) => version === 'HTTP/1.1' || path !== '/trailers');
  const ask = (path: string) => rawRequest(port, `GET ${path} ${version}\r\nHost: x\r\n${header}\r\n`);

  const before = new Map<string, string>();
  for (const path of paths) {
    const request = await ask(path);
    request.end();
    before.set(path, await request.text);
  }
  fixture.send('hold' as unknown as object);
  expect(await fixture.next()).toBe('holding');
  const requests = new Map<string, Awaited<ReturnType<typeof rawRequest>>>();
  for (const path of paths) {
    requests.set(path, await ask(path));
    await fixture.next();
  }
  fixture.send('close' as unknown as object);
  for (const path of paths) {
    const text = (await requests.get(path)?.text) ?? '';
    expect(withoutConnection(text)).toBe(withoutConnection(before.get(path) ?? ''));
    const [connection] = /^Connection: .*$/im.exec(text.split('\r\n\r\n').at(path === '/hints' ? 2 : 0) ?? '') ?? [];
    expect([path, connection]).toEqual([path, `Connection: ${OWN[path] ?? 'close'}`]);
  }
  expect(await fixture.next()).toMatchObject({ cut: 0 });
  expect(fixture.stderr).toBe('');
});
