// lingerOnClose that is called late or again, or meets a socket that Node itself would not have made.
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { post, UPGRADE } from '../support/http-text.ts';
import { Peer } from '../support/peer.ts';
import { MB } from '../support/safe-close-host.ts';

test('takes no connections from a server that has them already', async () => {
  await using fixture = new Fixture<{ port: number; inner: object; front: object }>('server/server-late');
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.write(post(10 * MB));
  await peer.send(MB);
  expect(await peer.receive()).toMatchObject({ end: 'eof' });
  await peer.close();
  const { inner, front } = await fixture.next();
  expect(inner).toMatchObject({ eof: 1 });
  expect(Object.values(front).filter((count) => count > 0)).toEqual([]);
});

test('a second call covers the connections that are open', async () => {
  await using fixture = new Fixture<{ port: number }>('server/server-again', { args: [String(20 * MB)] });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port }, { receiveBuffer: 64 * 1024 });
  expect(await fixture.next()).toEqual({ attached: true });
  // Neither side would ever read: see src/server/stalled-connections.ts.
  await peer.write(post(40 * MB));
  expect(await peer.send(40 * MB)).toEqual({ sent: 40 * MB });
  const { received, end } = await peer.receive();
  expect(received).toBeGreaterThan(20 * MB);
  expect(end).toBe('eof');
});

test('works with a response that an application has made itself', async () => {
  await using fixture = new Fixture<{ port: number }>('server/server-response-by-hand', { args: [String(20 * MB)] });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port }, { receiveBuffer: 64 * 1024 });
  await peer.write(UPGRADE);
  expect(await fixture.next()).toEqual({ looked: true });
  const { received } = await peer.receive(20 * MB);
  expect(received).toBe(20 * MB);
});

test.each([
  ['read-only', { thrown: false, active: 0, outcomes: { eof: 1 } }],
  // The linger goes on to its end. What was thrown is an exception of its own.
  ['throws', { thrown: true, active: 0, outcomes: { error: 0 } }],
])('works with a changed destroy(), %s, and counts the connection once', async (how, state) => {
  await using fixture = new Fixture<{ port: number }>('server/server-odd-destroy', { args: [how] });
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.write(post(MB));
  // If destroy() throws, there is no EOF before the process ends.
  await peer.receive(how === 'throws' ? 12 : undefined);
  await peer.send(MB);
  await peer.close();
  fixture.send({});
  expect(await fixture.next()).toMatchObject(state);
});

test('an application may emit events itself, without the arguments that Node gives', async () => {
  await using fixture = new Fixture('server/events-by-hand');
  expect(await fixture.next()).toEqual({ thrown: [], changed: false });
});
