// Clients that send a request before they have the answer to the one before.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answer, type Close, CloseServerHost, get, JUST_EOF } from '../support/close-server-host.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const PATIENT: Close = { timeout: 120_000 };

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

    test('one behind a response that has said that the connection ends counts as cut', async () => {
      await using server = await host.serve(kind);
      const peer = await server.request('/held');
      await server.close(PATIENT);
      // Its first response is sent with a head of Connection: close, and the requests behind it are there by then.
      await peer.write(get('/now') + get('/now'));
      for (let i = 0; i < 2; i++) await server.next('request');
      await server.call('release');
      expect(await answer(peer)).toMatchObject({ body: 'held' });
      expect(await answer(peer)).toMatchObject({ body: 'now', connection: 'close' });
      expect(await peer.receive()).toEqual(JUST_EOF);
      await peer.close();
      expect(await server.report()).toMatchObject({ cut: 1 });
    });
  },
);
