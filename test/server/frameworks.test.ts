// Frameworks, unchanged, under lingering-close/register, each in a process of its own: each of 200 clients that upload
// too much sees its 413. Without register, not all of them do.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'undici';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { post, UPGRADE } from '../support/http-text.ts';
import { python } from '../support/python.ts';
import { runOk } from '../support/run.ts';
import { MB } from '../support/safe-close-host.ts';

/** More than the buffers between the two hold. */
const UPLOAD = 5 * MB;
const REGISTER = ['--import', 'lingering-close/register'];
const client = fileURLToPath(new URL('../support/refused.py', import.meta.url));
const HANDSHAKE = UPGRADE.replace('echo', 'websocket').replace(
  'Host: x',
  'Host: x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
);

/** What each client got: every client sends everything before it reads. */
async function answers(which: string, execArgv: string[], head: string, count: number): Promise<string[]> {
  await using fixture = new Fixture<{ port: number }>('server/frameworks', { args: [which], execArgv });
  const { port } = await fixture.next();
  const args = [client, '127.0.0.1', String(port), String(count), String(UPLOAD), head.replaceAll('\r\n', '\\r\\n')];
  return (await runOk(python, args)).trim().split('\n');
}

describe.each([
  ['express', '413 1000'],
  ['fastify', '413 1000'],
  ['koa', '413 1000'],
  ['hono', '413 1000'],
  ['getHttpServer()', '413 1000'],
  ['cluster', '413 1000'],
  ['ws', '403 1000'],
])('%s', (which, answer) => {
  const head = which === 'ws' ? HANDSHAKE : post(UPLOAD);

  test('200 of 200 clients get their answer', async () => {
    expect(await answers(which, REGISTER, head, 200)).toEqual(Array(200).fill(answer));
  });

  test('control: without register some do not', async () => {
    expect(await answers(which, [], head, 20)).not.toEqual(Array(20).fill(answer));
  });
});

test('ws: an echo goes through, and so does the closing handshake', async () => {
  await using fixture = new Fixture<{ port: number }>('server/frameworks', { args: ['ws'], execArgv: REGISTER });
  const { port } = await fixture.next();
  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
  const echo = once(socket as never, 'message');
  socket.addEventListener('open', () => socket.send('hello'));
  expect((await echo)[0].data).toBe('hello');
  const closed = once(socket as never, 'close');
  socket.close(1000, 'enough');
  expect((await closed)[0]).toMatchObject({ code: 1000, wasClean: true });
});
