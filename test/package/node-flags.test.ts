// Flags of Node.js that take something away from a program: each way to close works under them. The addon is loaded
// where the flags allow it.
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import { GET, post } from '../support/http-text.ts';
import { Peer } from '../support/peer.ts';

const MB = 1 << 20;

interface Message {
  [name: string]: unknown;
  web: { port: number };
  plain: { port: number };
  warnings: { name: string; code?: string; message: string }[];
}

const known = (flag: string) => process.allowedNodeEnvironmentFlags.has(flag);
const PERMISSION = known('--permission') ? '--permission' : '--experimental-permission';
const PERMITTED = [PERMISSION, '--allow-fs-read=*', ...(known('--allow-net') ? ['--allow-net'] : [])];

const CASES: [flags: string[], engine: 'native' | 'streams'][] = [
  [['--pending-deprecation'], 'native'],
  [['--disable-proto=delete'], 'native'],
  [['--frozen-intrinsics'], 'native'],
  [[...PERMITTED, '--allow-addons'], 'native'],
  [PERMITTED, 'streams'],
];

test.each(CASES)('%j: lingerOnClose, safeClose and closeServer work; the engine is %s', async (execArgv, engine) => {
  await using fixture = new Fixture<Message>('package/node-flags', { execArgv });
  const { web, plain, engine: actual } = await fixture.next();
  expect(actual).toBe(engine);

  const connect = ({ port }: { port: number }) => Peer.connect({ host: '127.0.0.1', port });
  await using uploader = await connect(web);
  await uploader.write(post(8 * MB));
  expect(await uploader.send(8 * MB)).toEqual({ sent: 8 * MB });
  expect(await uploader.receiveResponse()).toEqual({
    text: expect.stringMatching(/^HTTP\/1\.1 413 [\s\S]*\r\nearly$/),
  });
  expect(await uploader.receive()).toEqual({ received: 0, tail: '', end: 'eof' });
  await uploader.close();

  await using visitor = await connect(plain);
  expect(await visitor.receive()).toMatchObject({ received: 'goodbye'.length, tail: 'goodbye', end: 'eof' });
  expect(await visitor.send(MB)).toEqual({ sent: MB });
  await visitor.close();
  const { report } = await fixture.next();
  expect(report).toMatchObject({
    outcome: 'eof',
    delivered: engine === 'native' ? true : null,
    discardedBytes: MB,
    engine,
  });

  await using keptAlive = await connect(web);
  await keptAlive.write(GET);
  expect((await keptAlive.receiveResponse()).text).toMatch(/^HTTP\/1\.1 200 [\s\S]*idle$/);
  fixture.send({});
  expect(await keptAlive.receive()).toMatchObject({ received: 0, end: 'eof' });
  await keptAlive.close();

  // The upload, and the connection that was kept alive.
  const { warnings, ...end } = await fixture.next();
  expect(end).toEqual({ idle: 1, cut: 0, eof: 2, reset: true, error: 'SocketError EPIPE' });
  // Node warns about the flags themselves.
  const ours = warnings.filter(({ name }) => !['ExperimentalWarning', 'SecurityWarning'].includes(name));
  expect(ours.map(({ code }) => code)).toEqual(engine === 'native' ? [] : ['LINGERING_CLOSE_FALLBACK']);
  expect(await fixture.exit).toEqual({ code: 0, signal: null });
});
