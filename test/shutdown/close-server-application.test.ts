// closeServer where the application has its own protocol: net and tls servers, and WebSockets.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Close, CloseServerHost, JUST_EOF, reported, type ServerToClose } from '../support/close-server-host.ts';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { Remote } from '../support/remote.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const PATIENT: Close = { timeout: 120_000 };

describe.each(ENGINES)('%s engine', (engine) => {
  let host: CloseServerHost;
  beforeAll(async () => {
    host = await CloseServerHost.start({ engine });
  });
  afterAll(() => host[Symbol.asyncDispose]());

  describe.each(['net', 'tls'] as const)('%s', (kind) => {
    test('with goodbye: each connection is told, and lingers', async () => {
      await using server = await host.serve(kind);
      const peers = [await server.connect(), await server.connect()];
      await server.close({ ...PATIENT, goodbye: 'end' });
      for (const peer of peers) {
        expect(await peer.receive()).toEqual({ received: 7, tail: 'goodbye', end: 'eof' });
        await peer.close();
      }
      expect(await server.report()).toMatchObject({ idle: 0, finished: 2, cut: 0 });
      expect(await server.state()).toEqual({ listening: false, closeEvents: 1, connections: 0 });
    });

    test('without goodbye: connections that end by themselves finish, the rest is cut after timeout', async () => {
      await using server = await host.serve(kind);
      const [goes, stays] = [await server.connect(), await server.connect()];
      await server.close(PATIENT);
      await goes.write('before');
      expect(await goes.receive(6)).toMatchObject({ tail: 'before' });
      await goes.close();
      await server.timeOut(PATIENT, 1);
      expect((await stays.receive()).received).toBe(0);
      await stays.close();
      expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 1 });
    });

    test('a connection is not cut if its peer ended while the event loop was blocked past timeout', async () => {
      await using server = await host.serve(kind);
      const peer = await server.connect();
      await server.closeThenBlock(() => peer.shutdown(), { timeout: 300, established: 0, atLeast: 400 });
      expect(await peer.receive()).toMatchObject({ end: 'eof' });
      await peer.close();
      expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
    });

    test.each(['throw', 'reject'] as const)(
      'a goodbye that %ss: a warning, and the other connections are still told',
      async (goodbye) => {
        await using server = await host.serve(kind);
        const peers = [await server.connect(), await server.connect()];
        await server.close({ ...PATIENT, goodbye });
        for (const peer of peers) {
          expect(await host.next('warning')).toEqual({
            code: 'LINGERING_CLOSE_CALLBACK',
            message: 'The goodbye function of closeServer() failed: from goodbye',
          });
          await peer.close();
        }
        expect(await server.report()).toMatchObject({ cut: 0, finished: 2 });
      },
    );

    test('a peer that does not close after the goodbye lingers, within the limits', async () => {
      await using server = await host.serve(kind, { attach: { idleTimeout: 300, timeout: 60_000 } });
      const peer = await server.connect();
      await server.close({ ...PATIENT, goodbye: 'end' });
      expect(await peer.receive()).toMatchObject({ tail: 'goodbye', end: 'eof' });
      expect(await server.report()).toEqual(reported({ finished: 1, outcomes: { idle: 1 } }));
    });

    test('without lingerOnClose before', async () => {
      await using server = await host.serve(kind, { attach: false });
      const peer = await server.connect();
      await server.close({ timeout: kind === 'net' ? 120_000 : 1_000, goodbye: 'end' });
      // closeServer cannot find the TLS of a connection that was already open: its application must say goodbye itself.
      if (kind === 'net') expect(await peer.receive()).toMatchObject({ tail: 'goodbye', end: 'eof' });
      else expect((await peer.receive()).received).toBe(0);
      await peer.close();
      expect(await server.report()).toMatchObject(kind === 'net' ? { finished: 1, cut: 0 } : { finished: 0, cut: 1 });
    });
  });

  test('tls: a connection that is in its handshake is told when the handshake is over', async () => {
    await using server = await host.serve('tls');
    await using peer = await Peer.connect(server.address);
    // A plain connection: it would read the goodbye in the clear if it were told now.
    const waiting = peer.receive();
    const told = await server.connect();
    await server.close({ ...PATIENT, goodbye: 'end' });
    expect(await told.receive()).toMatchObject({ tail: 'goodbye' });
    await told.close();
    await server.timeOut(PATIENT, 1);
    expect((await waiting).received).toBe(0);
    expect(await server.report()).toMatchObject({ cut: 1 });
  });

  describe('WebSocket', () => {
    let client: Remote;
    beforeAll(async () => {
      client = new Remote('shutdown/close-server-client');
      await client.ready();
    });
    afterAll(() => client[Symbol.asyncDispose]());

    const open = ({ address }: ServerToClose) =>
      client.call('webSocket', { url: `ws://${address.host}:${address.port}` });

    test('goodbye says 1001, and the client sees it', async () => {
      await using server = await host.serve('ws');
      await open(server);
      await server.next('webSocket');
      await server.close({ ...PATIENT, goodbye: 'webSocket' });
      expect(await client.next('webSocketClosed')).toBe(1001);
      expect(await server.next('webSocketClosed')).toBe(1001);
      expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
    });

    test('a WebSocket that does not close is cut after timeout', async () => {
      await using server = await host.serve('ws');
      await open(server);
      await server.next('webSocket');
      await server.close({ timeout: 300, goodbye: 'count' });
      expect(await server.next('goodbye')).toBe('Socket');
      expect(await client.next('webSocketClosed')).toBe(1006);
      expect(await server.report()).toMatchObject({ idle: 0, finished: 0, cut: 1 });
      expect(server.count('goodbye')).toBe(0);
    });

    test('a WebSocket that is opened after listening has stopped is told too', async () => {
      await using server = await host.serve('ws');
      const peer = await server.connect();
      const upgrade =
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
      await server.closeThenBlock(() => peer.write(upgrade), { ...PATIENT, goodbye: 'webSocket' });
      expect((await peer.receiveResponse()).text).toMatch('HTTP/1.1 101 ');
      // A close frame: 1001.
      expect(await peer.receive(4)).toMatchObject({ tail: '\x88\x02\x03\xe9' });
      await peer.close();
      expect(await server.report()).toMatchObject({ idle: 0, finished: 1, cut: 0 });
    });

    test('goodbye is not called for HTTP connections of the same server', async () => {
      await using server = await host.serve('ws');
      const idle = await server.idle();
      const held = await server.request('/held');
      const silent = await server.connect();
      await server.close({ ...PATIENT, goodbye: 'count' });
      await server.call('release');
      expect((await held.receiveResponse()).text).toMatch('held');
      for (const peer of [idle, held, silent]) {
        expect(await peer.receive()).toEqual(JUST_EOF);
        await peer.close();
      }
      expect(await server.report()).toMatchObject({ idle: 2, finished: 1, cut: 0 });
      expect(server.count('goodbye')).toBe(0);
    });
  });
});

test('a socket that was just sent to another process is no connection of the server any more', async () => {
  await using fixture = new Fixture('shutdown/close-server-sent-away');
  expect(await fixture.next()).toEqual({ idle: 0, finished: 0, cut: 0 });
});
