// Connections on which a server that is being closed has said all, and still reads what the client sends.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

const CONNECT = 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n';
const PART = 1_000;
const PARTS = 8;

// A look for connections that wait only for the end of their peer is made each second.
test.each(['half-open', 'ended', 'tunnel'])('%s: everything is read', async (how) => {
  await using fixture = new Fixture('shutdown/close-server-half-open', { args: [how] });
  const { port } = (await fixture.next()) as { port: number };
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).resume();
  if (how === 'tunnel') client.write(CONNECT);
  await once(client, 'end');
  fixture.send('close');
  for (let part = 0; part < PARTS; part++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    client.write(Buffer.alloc(PART));
  }
  client.end();
  expect(await fixture.next()).toEqual({ received: PARTS * PART, ended: true, finished: 1, cut: 0 });
  client.destroy();
});
