import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { node, skipped, skips } from '../support/project.ts';
import { python } from '../support/python.ts';
import { bash } from '../support/shell.ts';

// What a shell makes of a death by SIGPIPE.
const STATUS = 128 + 13;
const TOOL = 'system/broken-pipe-tool';
const OTHERS = 'system/broken-pipe-others';

const ENGINES: [string, string[]][] = [
  ['with the addon', []],
  ['without the addon', STREAMS_ENGINE],
];

const OF_STDOUT = ['console.log', 'process.stdout.write'];
const OF_STDERR = ['console.error', 'process.stderr.write'];
// What takes the addon.
const NO_STREAM = [
  'fs.writeSync(1)',
  'fs.write(1)',
  'fs.createWriteStream(1)',
  'another descriptor of stdout',
  'process.stdout.write that never yields',
  'fs.writeSync that never yields',
  'a Worker: fs.writeSync(1)',
  'a Worker: fs.write(1)',
  'a Worker: fs.writeSync that never yields',
];

/** A line of output, the tool's status, and the flags that its stdout is left with (O_NONBLOCK is 4000). */
async function intoHead(args: string, { flags = [] as string[], from = '', nonBlocking = false } = {}) {
  const before = nonBlocking ? 'python3 -c "import os; os.set_blocking(1, False)";' : '';
  const tool = `${before} $tool ${args} ${from}; echo status $? >&3; grep flags /proc/self/fdinfo/4 >&3`;
  const { lines, stderr } = await bash(`{ { exec 4>&1; ${tool}; } | head -1 | wc -l >&3; } 3>&1`, TOOL, flags);
  return { lines: lines.map((line) => line.replace(/\s+/, ' ')).sort(), stderr };
}

const KILLED = { lines: ['1', 'flags: 01', `status ${STATUS}`], stderr: '' };

describe.each(ENGINES)('%s', (engine, flags) => {
  const native = engine === 'with the addon';

  test.concurrent.each([...OF_STDOUT, 'a Worker: console.log', ...(native ? NO_STREAM : [])])(
    '%s into head: killed by SIGPIPE, not a word about it, and the pipe is given back as it was',
    async (way) => {
      expect(await intoHead(`'${way}'`, { flags })).toEqual(KILLED);
    },
  );

  test.concurrent.each([...OF_STDERR, ...(native ? ['fs.writeSync(2)'] : [])])(
    '%s into head, where stdout is fine',
    async (way) => {
      expect(await intoHead(`'${way}'`, { flags, from: '2>&1 >/dev/null' })).toEqual(KILLED);
    },
  );

  test('called twice', async () => {
    expect(await intoHead("'console.log' twice", { flags })).toEqual(KILLED);
  });

  test('what has been touched before the import is given back as it was', async () => {
    const touching = ['--import', 'data:text/javascript,process.stdout;process.stderr'];
    expect(await intoHead("'console.log'", { flags: [...flags, ...touching] })).toEqual(KILLED);
  });

  test('stdin and stderr are given back as they were too', async () => {
    const { lines, stderr } = await bash(
      `$tool console.log reading | head -1 >/dev/null; echo $PIPESTATUS
       grep -h flags /proc/self/fdinfo/0 /proc/self/fdinfo/2`,
      TOOL,
      flags,
    );
    expect({ lines, stderr }).toEqual({ lines: [String(STATUS), 'flags:\t02', 'flags:\t02'], stderr: '' });
  });

  test.each(['console.log', 'console.error'])('%s to a UNIX socket, as spawn() makes them', async (way) => {
    await using fixture = new Fixture(TOOL, { args: [way], execArgv: flags });
    const stream = way === 'console.log' ? fixture.process.stdout : fixture.process.stderr;
    stream?.once('data', () => stream.destroy());
    expect(await fixture.exit).toEqual({ code: null, signal: 'SIGPIPE' });
    if (way === 'console.log') expect(fixture.stderr).toBe('');
  });

  test('to a TCP connection that the peer resets, as under inetd', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    server.close();
    const file = fileURLToPath(new URL(`../fixtures/${TOOL}.mjs`, import.meta.url));
    const child = spawn(node, [...flags, file, 'console.log'], { stdio: ['ignore', socket, 'pipe'] });
    socket.destroy();
    peer.once('data', () => peer.resetAndDestroy());
    let stderr = '';
    child.stderr?.on('data', (chunk) => {
      stderr += chunk;
    });
    expect([await once(child, 'close'), stderr]).toEqual([[null, 'SIGPIPE'], '']);
  });

  test('leaves EPIPE of a socket an error event', async () => {
    await using fixture = new Fixture<{ port: number }>('system/broken-pipe-sockets', { execArgv: flags });
    const { port } = await fixture.next();
    await using peer = await Peer.connect({ host: '127.0.0.1', port });
    await peer.close();
    fixture.send({});
    expect(await fixture.next()).toEqual({ code: 'EPIPE', syscall: 'write' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  /** What the fixture tells, and its status; its stdout is read to the end. */
  async function others(way: string, guard = 'guarded', to = '| cat >/dev/null') {
    const pipeline = `{ $tool '${way}' ${guard} ${to}; echo $PIPESTATUS >&3; } 3>&1`;
    const { lines, stderr } = await bash(pipeline, OTHERS, flags);
    return { told: lines.slice(0, -1).map((line) => JSON.parse(line)), status: Number(lines.at(-1)), stderr };
  }

  test.concurrent.each(['to a pipe', 'to a file'])('a source that fails, %s', async (to) => {
    const redirection = to === 'to a file' ? '>/dev/null' : undefined;
    for (const with_ of ['', ' with ECONNRESET', ' with EPIPE of its own write']) {
      expect(await others(`a source that fails${with_}`, 'guarded', redirection)).toEqual({
        told: ['the source has failed'],
        status: 0,
        stderr: '',
      });
    }
  });

  test.concurrent.each([
    ['destroy with EPIPE', ['EPIPE']],
    ['a broken socket', ['EPIPE']],
    ['descriptor 1 is a socket’s', ['EPIPE']],
    ['a signal from outside', ['alive']],
    ['children', ['default']],
  ])('%s is no broken pipe of stdout', async (way, told) => {
    expect(await others(way)).toEqual({ told, status: 0, stderr: '' });
  });

  test.concurrent.each(['console.log', 'process.stdout.write', 'with a listener', 'pipeline', 'fs.writeSync'])(
    'a full disk is what it is for Node: %s',
    async (way) => {
      const [bare, guarded] = await Promise.all(
        ['bare', 'guarded'].map((guard) => others(`a full disk: ${way}`, guard, '>/dev/full')),
      );
      const what = ({ told, status, stderr }: typeof bare & object) => [told, status, stderr.includes('ENOSPC')];
      expect(what(guarded as never)).toEqual(what(bare as never));
      expect(what(guarded as never)).not.toEqual([[], 0, true]);
    },
  );

  test('a closed descriptor, which Node opens as /dev/null', async () => {
    for (const guard of ['bare', 'guarded'])
      expect(await others('a broken socket', guard, '>&-')).toEqual({ told: ['EPIPE'], status: 0, stderr: '' });
  });

  test('no listener and no enumerable property is added to a stream', async () => {
    const bare = await others('streams as they are', 'bare');
    expect(await others('streams as they are')).toEqual(bare);
  });

  test('a listener for SIGPIPE that is not there any more', async () => {
    const { lines } = await bash(
      `$tool 'a listener that has gone, and stdout breaks' 3>/dev/null | head -1 >/dev/null; echo $PIPESTATUS`,
      OTHERS,
      flags,
    );
    expect(lines).toEqual([String(STATUS)]);
  });
});

describe('the handler of the addon', () => {
  test('lives with listeners from before and from behind, and is there when they have gone', async () => {
    const run = async (way: string) => (await bash(`$tool '${way}' 3>&1 >/dev/null`, OTHERS)).lines;
    const lines = (...values: string[]) => values.map((value) => JSON.stringify(value));
    expect(await run('a listener from before')).toEqual(lines('EPIPE', 'listener', 'ignore', 'EPIPE'));
    expect(await run('a listener from behind')).toEqual([
      ...lines('handler', 'EPIPE', 'listener', 'ignore', 'EPIPE'),
      ...lines('handler', 'EPIPE', 'listener', 'ignore'),
    ]);
  });

  test('a listener does not keep a broken stdout from being the end', async () => {
    const { lines, stderr } = await bash(
      `{ $tool 'a listener, and stdout breaks' | head -1 >/dev/null; echo $PIPESTATUS; } 3>&1`,
      OTHERS,
    );
    expect({ lines, stderr }).toEqual({ lines: [String(STATUS)], stderr: '' });
  });

  test('getSigpipe and setSigpipe are about the other descriptors', async () => {
    const { lines } = await bash(`$tool dispositions 3>&1 >/dev/null`, OTHERS);
    expect(JSON.parse(lines[0] as string)).toEqual(['ignore', 'ignore', 'default', 'default', 'ignore']);
    const other = await bash(`$tool 'the default for the others' 3>&1 >/dev/null; echo $?`, OTHERS);
    expect(other).toEqual({ lines: [String(STATUS)], stderr: '' });
  });

  test('a pipe that was non-blocking when the process began stays so', async () => {
    const result = await intoHead("'console.log'", { from: '', nonBlocking: true });
    expect(result).toEqual({ ...KILLED, lines: ['1', 'flags: 04001', `status ${STATUS}`] });
  });

  test('a full pipe whose reader goes, and a loop that never yields', async () => {
    const { lines, stderr } = await bash(
      `$tool 'process.stdout.write that never yields, to a slow reader' | sleep 1; echo $PIPESTATUS`,
      TOOL,
    );
    expect({ lines, stderr }).toEqual({ lines: [String(STATUS)], stderr: '' });
  });

  const unknown = process.arch === 'x64' ? '' : 'which descriptor was written to is known on x64 only';
  test.skipIf(unknown)(
    `a socket that breaks, where stdout is broken too and no write has met it${unknown && ` [skipped: ${unknown}]`}`,
    async () => {
      const { lines } = await bash(
        `exec 4>&1; sleep 0.5 | { $tool 'a broken socket while stdout is broken unnoticed' 3>&4; echo $? >&4; } | true`,
        OTHERS,
      );
      expect(lines).toEqual(['"EPIPE"', '0']);
    },
  );
});

describe('beside yes(1)', () => {
  // `$tool` and `yes` in turn; what each says of itself is left out.
  test.concurrent.each([
    ['head', '$tool | head -1 >/dev/null; echo $PIPESTATUS'],
    ['true', '$tool | true; echo $PIPESTATUS'],
    ['2>&1', '$tool 2>&1 | head -1 >/dev/null; echo $PIPESTATUS'],
    ['pipefail', 'set -o pipefail; $tool | head -1 >/dev/null; echo $?'],
    ['errexit', '(set -eo pipefail; $tool | head -1 >/dev/null; echo not reached); echo $?'],
    ['xargs', 'xargs -a <(echo x) $tool | head -1 >/dev/null; echo $PIPESTATUS'],
    ['a file', 'timeout 1 $tool >/dev/null; echo $?'],
    ['a pipe that is read', 'timeout 1 $tool | cat >/dev/null; echo $PIPESTATUS'],
  ])('%s', async (_name, script) => {
    const ours = await bash(script.replace('$tool', "$tool 'console.log' guarded"), TOOL);
    const theirs = await bash(script.replace('$tool', 'yes'), TOOL);
    const plain = ({ lines, stderr }: typeof ours) => [lines, stderr.replace(/(xargs: )\S+(?=: )/, '$1tool')];
    expect(plain(ours)).toEqual(plain(theirs));
  });
});

const terminal = spawnSync('less', ['--version'], { stdio: 'ignore' }).status === 0 ? '' : 'there is no less(1)';

describe('a terminal', () => {
  const script = fileURLToPath(new URL('../support/terminal.py', import.meta.url));
  const file = fileURLToPath(new URL(`../fixtures/${TOOL}.mjs`, import.meta.url));

  test.skipIf(skips(terminal))(`less, and then q${skipped(terminal)}`, async () => {
    const pipeline = `'${node}' '${file}' console.log | less; echo status $PIPESTATUS`;
    const env = { ...process.env, TERM: 'xterm', LESS: '' };
    const child = spawn(python, [script, 'type', 'q', 'bash', '-c', pipeline], { env });
    let shown = '';
    child.stdout.on('data', (chunk) => {
      shown += chunk;
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(shown).toContain(`status ${STATUS}`);
    expect(shown).not.toContain('EPIPE');
  });

  /** The end of a tool that talks to a terminal until that hangs up: a status, or 256 less the number of a signal. */
  async function hangUp(command: string[]) {
    const child = spawn(python, [script, 'hangup', ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [lines, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return { lines, code };
  }

  test('one that hangs up is no broken pipe', async () => {
    // EIO, of which Node 20 and others die in more than one way.
    const { code } = await hangUp([node, file, 'console.log to a terminal']);
    expect(code).not.toBe(0);
    expect(code).not.toBe(256 - 13);
  });

  test('a pipe that breaks behind a terminal that has hung up', async () => {
    const pipeline = `'${node}' '${file}' 'console.log to a terminal' 2>/dev/null | { head -1; sleep 1; }`;
    const { code } = await hangUp(['bash', '-c', `trap '' HUP; ${pipeline}; exit $PIPESTATUS`]);
    expect(code).toBe(STATUS);
  });
});

test('the control: without exitOnBrokenPipe the same pipeline ends in a stack trace', async () => {
  const { lines, stderr } = await bash('$tool console.log bare | head -1 | wc -l; echo $PIPESTATUS', TOOL);
  expect(lines).toEqual(['1', '1']);
  expect(stderr).toContain('Error: write EPIPE');
});

const pidNamespaces = spawnSync('unshare', ['--pid', '--fork', 'true'], { stdio: 'ignore' }).status === 0;

const notPermitted = pidNamespaces ? '' : ' [skipped: unshare --pid is not permitted here]';

test.skipIf(notPermitted).each(ENGINES)(
  `as the first process of a container, which no default action kills, %s${notPermitted}`,
  async (_engine, flags) => {
    const { lines, stderr } = await bash(
      'unshare --pid --fork $tool console.log | head -1 >/dev/null; echo $PIPESTATUS',
      TOOL,
      flags,
    );
    expect({ lines, stderr }).toEqual({ lines: [String(STATUS)], stderr: '' });
  },
);
