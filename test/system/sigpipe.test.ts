import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { setSigpipe } from '../../src/index.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { node } from '../support/project.ts';

// The status that a shell gives to a death by SIGPIPE.
const STATUS = 128 + 13;

/** Runs a pipeline of bash, in which `$cli` is the tool: the lines of its output. */
function bash(pipeline: string, flags: string[] = []) {
  const cli = [node, ...flags, fileURLToPath(new URL('../fixtures/system/sigpipe-cli.mjs', import.meta.url))].map(
    (word) => `'${word}'`,
  );
  return spawnSync('bash', ['-c', pipeline.replaceAll('$cli', cli.join(' '))], { encoding: 'utf8', timeout: 30_000 });
}

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

describe.each([
  ['native', []],
  ['streams', STREAMS_ENGINE],
])('exitOnBrokenPipe, %s engine', (_engine, flags) => {
  test.each([
    ['console.log', 'log'],
    ['process.stdout.write', 'write'],
  ])('%s into head: killed by SIGPIPE, without a message', (_name, how) => {
    const { stdout, stderr } = bash(`$cli ${how} | head -1 | wc -l; echo \${PIPESTATUS[0]}`, flags);
    expect(stdout.split(/\s+/)).toEqual(['1', String(STATUS), '']);
    expect(stderr).toBe('');
  });

  test('stderr into head', () => {
    const { stdout, stderr } = bash(`{ $cli error 2>&1 >&3 | head -1 | wc -l; echo \${PIPESTATUS[0]}; } 3>&1`, flags);
    expect(stdout.split(/\s+/)).toEqual(['1', String(STATUS), '']);
    expect(stderr).toBe('');
  });

  test('called twice', () => {
    const { stdout, stderr } = bash(`$cli log twice | head -1 | wc -l; echo \${PIPESTATUS[0]}`, flags);
    expect(stdout.split(/\s+/)).toEqual(['1', String(STATUS), '']);
    expect(stderr).toBe('');
  });

  test.each(['log', 'error'])('%s to a UNIX socket, as spawn() makes them', async (how) => {
    await using fixture = new Fixture('system/sigpipe-cli', { args: [how], execArgv: flags });
    const stream = how === 'log' ? fixture.process.stdout : fixture.process.stderr;
    stream?.once('data', () => stream.destroy());
    expect(await fixture.exit).toEqual({ code: null, signal: 'SIGPIPE' });
    if (how === 'log') expect(fixture.stderr).toBe('');
  });

  test('EPIPE of a socket stays an error event', async () => {
    await using fixture = new Fixture<{ port: number }>('system/sigpipe-sockets', { execArgv: flags });
    await writeToClosedPeer(fixture);
    expect(await fixture.next()).toEqual({ code: 'EPIPE', syscall: 'write' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });
});

test('control: without exitOnBrokenPipe the same pipeline ends in a stack trace', () => {
  const { stdout, stderr } = bash(`$cli log bare | head -1 | wc -l; echo \${PIPESTATUS[0]}`);
  expect(stdout.split(/\s+/)).toEqual(['1', '1', '']);
  expect(stderr).toContain('Error: write EPIPE');
});

test('another error of stdout is handled as usual', () => {
  const file = fileURLToPath(new URL('../fixtures/system/sigpipe-full-disk.mjs', import.meta.url));
  const run = (guard: string) =>
    spawnSync('bash', ['-c', `'${node}' '${file}' ${guard} > /dev/full`], { encoding: 'utf8' });
  const bare = run('bare');
  expect(bare.status).not.toBe(0);
  expect(bare.stderr).toContain('ENOSPC');
  const guarded = run('guarded');
  expect(guarded.status).toBe(bare.status);
  expect(guarded.stderr).toContain('ENOSPC');
});

const pidNamespaces = spawnSync('unshare', ['--pid', '--fork', 'true'], { stdio: 'ignore' }).status === 0;
const PID_SKIPPED = pidNamespaces ? '' : ' [skipped: unshare --pid is not permitted here]';

test.skipIf(!pidNamespaces)(
  `works in the first process of a container, which no default action kills${PID_SKIPPED}`,
  () => {
    const { stdout, stderr } = bash(`unshare --pid --fork $cli log | head -1 | wc -l; echo \${PIPESTATUS[0]}`);
    expect(stdout.split(/\s+/)).toEqual(['1', String(STATUS), '']);
    expect(stderr).toBe('');
  },
);

test('in a Worker exitOnBrokenPipe is refused, and the disposition is that of the process', async () => {
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
