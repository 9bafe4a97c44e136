import { describe, expect, test } from 'vitest';
import { setSigpipe } from '../../src/index.ts';
import { Fixture } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';

/** Makes the fixture write to a connection whose peer is gone. */
async function writeToClosedPeer(fixture: Fixture<{ port: number }>): Promise<void> {
  const { port } = await fixture.next();
  await using peer = await Peer.connect({ host: '127.0.0.1', port });
  await peer.close();
  fixture.send({});
}

describe('the disposition', () => {
  test('is ignore at first, can be set, and is lost with the last listener', async () => {
    await using fixture = new Fixture<string[]>('system/sigpipe-dispositions');
    expect(await fixture.next()).toEqual([
      ...['ignore', 'ignore', 'default', 'default', 'ignore'],
      'handler',
      // The trap: the disposition is not what it was before the listener.
      ...['default', 'default', 'ignore'],
      'handler',
    ]);
  });

  test('default: a write to a closed peer ends the process', async () => {
    await using fixture = new Fixture<{ port: number }>('system/sigpipe-trap', { args: ['default'] });
    await writeToClosedPeer(fixture);
    expect(await fixture.exit).toEqual({ code: null, signal: 'SIGPIPE' });
    expect(fixture.stderr).toBe('');
  });

  test('a server that has lost its SIGPIPE listener dies in the same way', async () => {
    await using fixture = new Fixture<{ port: number }>('system/sigpipe-trap');
    await writeToClosedPeer(fixture);
    expect(await fixture.exit).toEqual({ code: null, signal: 'SIGPIPE' });
  });

  test('and survives, with an error event, when setSigpipe has repaired it', async () => {
    await using fixture = new Fixture<{ port: number }>('system/sigpipe-trap', { args: ['mended'] });
    await writeToClosedPeer(fixture);
    expect(await fixture.next()).toEqual({ code: 'EPIPE', syscall: 'write' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test.each([undefined, null, 0, 'handler', 'Ignore', 'SIG_IGN', {}, Symbol('ignore')])(
    '%o is not a disposition that can be set',
    (value) => {
      const call = () => setSigpipe(value as never);
      expect(call).toThrow(TypeError);
      expect(call).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_ARG_VALUE',
          message: expect.stringMatching(/^The "disposition" argument must be one of 'ignore', 'default'\. Received /),
        }),
      );
    },
  );
});

test('in a Worker: exitOnBrokenPipe is refused, the disposition is the process’s', async () => {
  await using fixture = new Fixture('system/sigpipe-worker');
  expect(await fixture.next()).toEqual({
    error: {
      name: 'TypeError',
      code: 'ERR_WORKER_UNSUPPORTED_OPERATION',
      message: 'exitOnBrokenPipe() is not supported in workers',
    },
    before: 'ignore',
    after: 'default',
  });
});
