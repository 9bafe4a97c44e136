// Many clients that are turned away at once: one address does not take the places of the others, and the descriptors
// are not used up.
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import { GET_AND_CLOSE, post } from '../support/http-text.ts';
import { type HostedServer, LingerOnCloseHost } from '../support/linger-on-close-host.ts';
import { MB } from '../support/safe-close-host.ts';

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client that reads only when it is told to. */
class Client {
  readonly socket: net.Socket;
  error: string | undefined;
  #text = '';

  constructor({ address }: HostedServer, localAddress?: string) {
    const { host, port } = address as { host: string; port: number };
    this.socket = net.connect({ host, port, allowHalfOpen: true, ...(localAddress ? { localAddress } : {}) });
    this.socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.error = code;
    });
  }

  /** Sends a byte every `every` milliseconds, for `ms`, or until the connection breaks. */
  async drip(ms: number, every: number): Promise<void> {
    const end = performance.now() + ms;
    while (performance.now() < end && !this.socket.destroyed) {
      this.socket.write('.');
      await sleep(every);
    }
  }

  /** Reads everything: whether it is a whole answer. */
  async hasAnswer(): Promise<boolean> {
    this.socket.on('data', (chunk) => {
      this.#text += chunk;
    });
    if (!this.socket.readableEnded && !this.socket.destroyed)
      await Promise.race([once(this.socket, 'end'), once(this.socket, 'close')]).catch(() => {});
    return /^HTTP\/1.1 413 [\s\S]*x{1000}$/.test(this.#text);
  }
}

test('300 silent uploads a second from one address take no answer from a slow client of another one', async () => {
  await using host = await LingerOnCloseHost.start();
  const hosted = await host.serve('http', 'early 413', { attach: { maxLingering: 100 } });
  const victims = Array.from({ length: 40 }, (_, i) => new Client(hosted, i % 2 ? '127.0.0.2' : '127.0.0.3'));
  for (const { socket } of victims) socket.write(post(MB));
  await expect.poll(async () => (await hosted.state()).active, { timeout: 10_000 }).toBe(40);
  const slow = victims.map((victim) => victim.drip(3_000, 200));
  const attackers: Client[] = [];
  const end = performance.now() + 3_000;
  while (performance.now() < end || attackers.length < 400) {
    for (let i = 0; i < 15; i++) {
      const attacker = new Client(hosted, '127.0.0.1');
      attacker.socket.resume().write(post(MB));
      attackers.push(attacker);
    }
    await sleep(50);
  }
  await Promise.all(slow);
  await expect
    .poll(async () => (await hosted.state()).totals.evictions, { timeout: 20_000 })
    .toBeGreaterThan(attackers.length - 100);
  expect(await hosted.state()).toMatchObject({ active: 100 });
  const answers = await Promise.all(victims.map((victim) => victim.hasAnswer()));
  expect(answers.filter((whole) => !whole)).toEqual([]);
  expect(victims.map(({ error }) => error)).toEqual(victims.map(() => undefined));
  for (const { socket } of [...victims, ...attackers]) socket.destroy();
}, 60_000);

test('with 200 descriptors, 400 uploads that drip leave room for ordinary requests', async () => {
  await using host = await LingerOnCloseHost.start({ prefix: ['sh', '-c', 'ulimit -n 200 && exec "$0" "$@"'] });
  const hosted = await host.serve('http', 'early 413', { attach: {} });
  const dripping: Client[] = [];
  for (let i = 0; i < 20; i++) {
    const group = Array.from({ length: 20 }, () => new Client(hosted));
    for (const { socket } of group) socket.resume().write(post(MB));
    await Promise.all(group.map(({ socket }) => once(socket, 'end')));
    dripping.push(...group);
  }
  // A quarter of 200.
  expect((await hosted.state()).active).toBe(50);
  const drips = dripping.map((client) => client.drip(2_000, 100));
  let answered = 0;
  for (let i = 0; i < 10; i++) {
    const clients = Array.from({ length: 10 }, () => new Client(hosted));
    for (const { socket } of clients) socket.write(GET_AND_CLOSE);
    for (const whole of await Promise.all(clients.map((client) => client.hasAnswer()))) answered += Number(whole);
  }
  expect(answered).toBe(100);
  await Promise.all(drips);
  for (const { socket } of dripping) socket.destroy();
}, 60_000);
