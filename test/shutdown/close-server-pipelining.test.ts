// Clients that send a request before they have the answer to the one before.
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer, type Close, CloseServerHost, get, JUST_EOF, rest } from '../support/close-server-host.ts';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const PATIENT: Close = { timeout: 120_000 };
/** No connection is idle for long enough. */
const UNSETTLED: Close = { ...PATIENT, settle: 60_000 };
const THREE = ['/now', '/now', '/now'];

function upload(path: string, body: string, header = ''): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${header}\r\n${body}`;
}

async function readAll(socket: net.Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

const UPGRADE = `GET / HTTP/1.1\r\nHost: x\r\n${[
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
].join('\r\n')}\r\n\r\n`;

/** What so many responses say of the connection. */
async function connections(peer: Peer, count: number): Promise<(string | undefined)[]> {
  const all: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) {
    const { status, connection } = await answer(peer);
    expect(status).toBe(200);
    all.push(connection);
  }
  return all;
}

describe.each(ENGINES.flatMap((engine) => (['http', 'https'] as const).map((kind) => ({ engine, kind }))))(
  '$kind, $engine engine',
  ({ engine, kind }) => {
    let host: CloseServerHost;
    beforeAll(async () => {
      host = await CloseServerHost.start({ engine });
    });
    afterAll(() => host[Symbol.asyncDispose]());

    test.each([
      ['/held', '/held', '/held'],
      ['/held', '/now', '/held'],
      ['/held', '/held', '/now'],
      ['/begun', '/held', '/held'],
    ])(
      'requests that came before the call are answered, the last one with Connection: close: %s %s %s',
      async (...paths) => {
        await using server = await host.serve(kind);
        const peer = await server.connect();
        await peer.write(paths.map(get).join(''));
        for (const path of paths) expect(await server.next('request')).toBe(path);
        await server.close(PATIENT);
        await server.call('release');
        const answers = [await answer(peer), await answer(peer), await answer(peer)];
        expect(answers.map(({ body }) => body)).toEqual(paths.map((path) => path.slice(1)));
        // What the application had ended before the call has its head already.
        const connection = paths[2] === '/now' ? 'keep-alive' : 'close';
        expect(answers.map(({ connection }) => connection)).toEqual(['keep-alive', 'keep-alive', connection]);
        expect(await peer.receive()).toEqual(JUST_EOF);
        await peer.close();
        expect(await server.report()).toMatchObject({ cut: 0 });
      },
    );

    test('some before the call, and one behind it', async () => {
      await using server = await host.serve(kind);
      const peer = await server.connect();
      await peer.write(get('/held') + get('/held'));
      for (let i = 0; i < 2; i++) await server.next('request');
      await server.close(PATIENT);
      await server.ask(peer, '/held');
      await server.call('release');
      const answers = [await answer(peer), await answer(peer), await answer(peer)];
      expect(answers.map(({ connection }) => connection)).toEqual(['keep-alive', 'keep-alive', 'close']);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('several in one segment, on a connection that had none in flight', async () => {
      await using server = await host.serve(kind);
      const peer = await server.idle();
      await server.close(UNSETTLED);
      await peer.write(THREE.map(get).join(''));
      for (const path of THREE) expect(await server.next('request')).toBe(path);
      expect(await connections(peer, 3)).toEqual(['keep-alive', 'keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
    });

    test('several in one segment, behind one in flight that is answered with them', async () => {
      await using server = await host.serve(kind);
      const peer = await server.request('/held');
      await server.close(PATIENT);
      await peer.write(THREE.map(get).join(''));
      for (const path of THREE) expect(await server.next('request')).toBe(path);
      await server.call('release');
      expect(await connections(peer, 4)).toEqual(['keep-alive', 'keep-alive', 'keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
    });

    test('while the server still listens', async () => {
      await using server = await host.serve(kind);
      const peer = await server.connect();
      await server.close({ ...PATIENT, drainDelay: 120_000, signal: 'controller' });
      await peer.write(THREE.map(get).join(''));
      expect(await connections(peer, 3)).toEqual(['keep-alive', 'keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      await server.call('abort');
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('each in a segment and a TLS record of its own, while the event loop is blocked', async () => {
      await using server = await host.serve(kind);
      const peer = await server.idle();
      const large = get('/now').replace('\r\n', `\r\nX: ${'x'.repeat(8_000)}\r\n`);
      await server.closeThenBlock(
        async () => {
          for (let i = 0; i < 6; i++) await peer.write(large);
        },
        { ...UNSETTLED, atLeast: 300 },
      );
      expect(await connections(peer, 6)).toEqual([...Array<string>(5).fill('keep-alive'), 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('the second one in two segments', async () => {
      await using server = await host.serve(kind);
      const peer = await server.idle();
      await server.close(UNSETTLED);
      await peer.write(`${get('/now')}GET /no`);
      expect(await connections(peer, 1)).toEqual(['keep-alive']);
      await peer.write('w HTTP/1.1\r\nHost: x\r\n\r\n');
      expect(await connections(peer, 1)).toEqual(['close']);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('uploads, one of which waits for 100 Continue', async () => {
      await using server = await host.serve(kind);
      const peer = await server.idle();
      await server.close(UNSETTLED);
      await peer.write(upload('/now', '12345') + upload('/now', '1\r\n\r\n', 'Expect: 100-continue\r\n') + get('/now'));
      expect((await answer(peer)).connection).toBe('keep-alive');
      expect((await answer(peer)).status).toBe(100);
      expect(await connections(peer, 2)).toEqual(['keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('with HTTP/1.0 and keep-alive', async () => {
      await using server = await host.serve(kind);
      const peer = await server.idle();
      await server.close(UNSETTLED);
      const request = get('/length').replace('1.1\r\n', '1.0\r\nConnection: keep-alive\r\n');
      await peer.write(request.repeat(3));
      expect(await connections(peer, 3)).toEqual(['keep-alive', 'keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('an application that writes or removes the header: the connection stays open', async () => {
      await using server = await host.serve(kind);
      const peers = [await server.idle(), await server.idle()] as const;
      await server.close(UNSETTLED);
      await peers[0].write(get('/removed').repeat(2));
      await peers[1].write(get('/own').repeat(2));
      expect(await connections(peers[0], 2)).toEqual([undefined, undefined]);
      expect(await connections(peers[1], 2)).toEqual(['keep-alive', 'keep-alive']);
      for (const peer of peers) {
        await peer.write(get('/now'));
        expect(await connections(peer, 1)).toEqual(['close']);
        expect(await peer.receive()).toEqual(JUST_EOF);
        await peer.close();
      }
      expect(await server.report()).toMatchObject({ finished: 2, cut: 0 });
    });

    test('closeServer is called for the first one', async () => {
      await using server = await host.serve(kind);
      const peer = await server.connect();
      await peer.write(get('/closeServer') + get('/now').repeat(2));
      expect(await connections(peer, 3)).toEqual(['keep-alive', 'keep-alive', 'close']);
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('a client that ends its side behind its requests gets at least the answers of plain Node', async () => {
      await using server = await host.serve(kind);
      const client =
        kind === 'https' ? tls.connect({ ...server.address, rejectUnauthorized: false }) : net.connect(server.address);
      const text = readAll(client);
      await once(client, kind === 'https' ? 'secureConnect' : 'connect');
      await server.next('connection');
      await server.closeThenBlock(async () => client.end(upload('/body', '12345').repeat(3)), {
        ...UNSETTLED,
        atLeast: 300,
      });
      expect((await text).match(/HTTP\/1.1 200/g)).toHaveLength(3);
      expect(await server.report()).toMatchObject({ cut: 0 });
    });

    test('one behind a response that has said that the connection ends is not begun, and counts as cut', async () => {
      await using server = await host.serve(kind);
      const peer = await server.request('/started');
      await server.close(PATIENT);
      await server.call('release');
      expect(await peer.receive(10)).toMatchObject({ received: 10 });
      await peer.write(get('/now'));
      await expect.poll(() => server.call('unread')).toBe(0);
      await server.call('release');
      expect(await rest(peer)).toMatchObject({ connection: 'close', end: 'eof' });
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 1 });
      expect(server.count('request')).toBe(0);
    });
  },
);

test('an upgrade behind a request: this one is answered, and the upgraded connection goes on', async () => {
  await using host = await CloseServerHost.start();
  await using server = await host.serve('ws');
  const peer = await server.idle();
  await server.close({ ...UNSETTLED, goodbye: 'webSocket' });
  await peer.write(get('/now') + UPGRADE);
  expect(await connections(peer, 1)).toEqual(['keep-alive']);
  expect(await answer(peer)).toMatchObject({ status: 101 });
  await server.next('webSocket');
  // The close frame, for which goodbye asks.
  expect(await peer.receive(4)).toMatchObject({ received: 4 });
  await peer.close();
  expect(await server.report()).toMatchObject({ finished: 1, cut: 0 });
});

test('what is no HTTP behind requests: they are answered as without a shutdown', async () => {
  await using host = await CloseServerHost.start();
  await using server = await host.serve('http');
  const peer = await server.idle();
  await server.close(UNSETTLED);
  await peer.write(`${get('/now').repeat(2)}no HTTP\r\n\r\n`);
  expect(await connections(peer, 1)).toEqual(['keep-alive']);
  expect((await peer.receive()).end).toBe('eof');
  await peer.close();
  await server.report();
});

test('a client that always has another one on its way does not keep its connection open', async () => {
  await using host = await CloseServerHost.start();
  await using server = await host.serve('http');
  const peer = await server.request('/held');
  const silent = await server.connect();
  await server.close(PATIENT);
  await server.ask(peer, '/held');
  // Clients have a second.
  expect(await silent.receive()).toEqual(JUST_EOF);
  await silent.close();
  await peer.write(get('/held'));
  await expect.poll(() => server.call('unread')).toBe(0);
  await server.call('release');
  expect(await connections(peer, 2)).toEqual(['keep-alive', 'close']);
  expect(await peer.receive()).toEqual(JUST_EOF);
  await peer.close();
  expect(await server.report()).toMatchObject({ cut: 1 });
  expect(server.count('request')).toBe(0);
});

test('an abort in the turn of a request for which the application throws: the promise resolves', async () => {
  await using fixture = new Fixture<Record<string, unknown>>('shutdown/close-server-throws');
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
  await peer.write(get('/'));
  expect(await fixture.next()).toEqual({ aborted: true, thrown: ['from the application'] });
});

test("an 'end' listener that throws behind a request leaves the server as it was", async () => {
  await using fixture = new Fixture<Record<string, unknown>>('shutdown/close-server-end-throws');
  expect(await fixture.next()).toEqual({ during: true, isAsBefore: true });
});

test('an application that has put an emit() on its server for good gets each request at once', async () => {
  await using fixture = new Fixture<Record<string, unknown>>('shutdown/close-server-own-emit');
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port: port as number });
  expect(await fixture.next()).toEqual({ closing: true });
  await peer.write(get('/'));
  expect(await answer(peer)).toMatchObject({ status: 200 });
  expect(await peer.receive()).toEqual(JUST_EOF);
  await peer.close();
  expect(await fixture.next()).toEqual({ cut: 0 });
});
