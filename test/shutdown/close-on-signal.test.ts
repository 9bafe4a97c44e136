// A process that is told to end.
import { spawnSync } from 'node:child_process';
import { Worker } from 'node:worker_threads';
import { closeOnSignal } from 'lingering-close';
import { describe, expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';
import type { NodeProcessOptions } from '../support/node-process.ts';
import { rawRequest } from '../support/raw-request.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

class Service extends Fixture {
  port = 0;

  static async start(name = 'close-on-signal', options: object = {}, how: NodeProcessOptions = {}): Promise<Service> {
    const service = new Service(`shutdown/${name}`, { args: [JSON.stringify(options)], ...how });
    service.port = Number(await service.said(/^port (\d+)$/m));
    return service;
  }

  /** Waits until it has said so. */
  async said(what: RegExp): Promise<string> {
    await expect.poll(() => what.test(this.stdout) || this.process.exitCode !== null, { timeout: 20_000 }).toBe(true);
    expect(this.stdout + this.stderr).toMatch(what);
    return what.exec(this.stdout)?.[1] ?? '';
  }

  async request(path: string) {
    const request = await rawRequest(this.port, get(path));
    if (path !== '/ready') await this.said(/^request$/m);
    return request;
  }

  /** What it has said since its first requests. */
  get course(): string[] {
    return this.stdout.split('\n').filter((line) => line && !/^(port|request)/.test(line));
  }
}

const REPORT = '{"idle":0,"finished":1,"cut":0,"aborted":false}';

describe('one signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: hooks and servers in order, nothing is cut, exit code 0',
    async (signal) => {
      await using service = await Service.start();
      const request = await service.request('/answered');
      service.process.kill(signal);
      expect(await request.text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
      expect(await service.exit).toEqual({ code: 0, signal: null });
      expect(service.course).toEqual(['closing', `before ${signal}`, `report ${REPORT}`, `after ${REPORT}`, 'exit']);
      expect(service.stderr).toBe('');
    },
  );

  test('an event of the application itself, without an argument', async () => {
    await using service = await Service.start('close-on-signal', { emits: true });
    service.send('SIGINT');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toContain('before SIGINT');
  });

  test('other signals', async () => {
    await using service = await Service.start('close-on-signal', { signals: ['SIGHUP', 'SIGUSR2'] });
    service.process.kill('SIGUSR2');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toContain('before SIGUSR2');
  });

  test('the readiness probe answers 503 while the server drains', async () => {
    await using service = await Service.start('close-on-signal', { drainDelay: 60_000, deadline: 90_000 });
    service.process.kill('SIGTERM');
    await service.said(/^before/m);
    const probe = await service.request('/ready');
    expect(await probe.text).toMatch(/^HTTP\/1.1 503 [\s\S]*Connection: close/);
  });

  test('what is cut makes it 1', async () => {
    await using service = await Service.start('close-on-signal', { timeout: 50, lingerTimeout: 50 });
    const request = await service.request('/hangs');
    service.process.kill('SIGTERM');
    expect(await request.text).toBe('');
    expect(await service.exit).toEqual({ code: 1, signal: null });
  });

  test('the exit code of the application stays', async () => {
    await using service = await Service.start('close-on-signal', { exitCode: 3 });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 3, signal: null });
  });

  test('exit: false: it goes on', async () => {
    await using service = await Service.start('close-on-signal', { exit: false, keepsAlive: true });
    service.process.kill('SIGTERM');
    await service.said(/^after/m);
    expect(service.process.exitCode).toBe(null);
    // It no longer listens to signals either.
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });

  test('dispose in the middle: the shutdown goes on, and signal still aborts it', async () => {
    await using service = await Service.start('close-on-signal', { aborts: true });
    const request = await service.request('/hangs');
    service.process.kill('SIGTERM');
    expect(await request.text).toBe('<ECONNRESET>');
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.course).toContain('report {"idle":0,"finished":0,"cut":1,"aborted":true}');
  });

  test('dispose: signals are the system’s again', async () => {
    await using service = await Service.start('close-on-signal', { dispose: true });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(service.course).toEqual([]);
  });
});

describe('a signal that the process sends to itself', () => {
  const course = ['closing', 'before SIGTERM', `report ${REPORT}`, `after ${REPORT}`];

  /** The process sends the signal again, and ends all the same as behind a single one. */
  async function expectGoodEnd(settings: object): Promise<void> {
    await using service = await Service.start('close-on-signal', { ...settings, hooks: { after: 'unrefed' } });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toEqual([...course, 'exit']);
    expect(service.stderr).toBe('');
  }

  // `after` waits for 50 ms.
  test.each([
    ['in the middle of the shutdown', 0, false],
    ['behind it', 600, true],
  ])('%s: it waits for the shutdown, and the process ends without an error', async (_when, sendsAgain, keepsAlive) => {
    await expectGoodEnd({ sendsAgain, keepsAlive });
  });

  test.each([{ signal: 15 }, { text: true }])('in another spelling: %o', async (sendsBy) => {
    await expectGoodEnd({ sendsAgain: 0, sendsBy });
  });

  test('with exit: false the process ends by it, when the shutdown is over', async () => {
    await using service = await Service.start('close-on-signal', { sendsAgain: 0, exit: false, keepsAlive: true });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: null, signal: 'SIGTERM' });
    expect(service.course).toEqual(course);
  });

  test('a second signal from outside still ends it at once', async () => {
    await using service = await Service.start('close-on-signal', { sendsAgain: 0 });
    const request = await service.request('/never');
    service.process.kill('SIGTERM');
    await service.said(/^before SIGTERM$/m);
    await new Promise((resolve) => setTimeout(resolve, 100));
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: null, signal: 'SIGTERM' });
    await request.text.catch(() => {});
  });
});

describe('a second signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s: everything is reset, and the process ends by it', async (signal) => {
    await using service = await Service.start();
    const request = await service.request('/hangs');
    service.process.kill('SIGTERM');
    await service.said(/^before/m);
    service.process.kill(signal);
    expect(await request.text).toBe('<ECONNRESET>');
    expect(await service.exit).toEqual({ code: null, signal });
  });

  test('by events of the application itself, without an argument', async () => {
    await using service = await Service.start('close-on-signal', { emits: true, hooks: { before: 'hangs' } });
    service.send('SIGINT');
    await service.said(/^before/m);
    service.send('SIGINT');
    expect(await service.exit).toEqual({ code: null, signal: 'SIGINT' });
    expect(service.stderr).toBe('');
  });

  test.each(['before', 'after'])('while %s hangs', async (name) => {
    await using service = await Service.start('close-on-signal', { hooks: { [name]: 'hangs' } });
    service.process.kill('SIGTERM');
    await service.said(new RegExp(`^${name}`, 'm'));
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: null, signal: 'SIGTERM' });
  });
});

test('a signal behind the shutdown, where the process still lives and listens to signals itself, ends it', async () => {
  await using service = await Service.start('close-on-signal', { keepsAlive: true, sendsAgain: 600_000 });
  service.process.kill('SIGTERM');
  await service.said(/^after/m);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(service.process.exitCode).toBe(null);
  service.process.kill('SIGINT');
  expect(await service.exit).toEqual({ code: null, signal: 'SIGINT' });
});

describe('hooks, and the deadline', () => {
  test.each(['before', 'after'])('%s throws: a warning, exit code 1, and all else is done', async (name) => {
    await using service = await Service.start('close-on-signal', { hooks: { [name]: 'throws' } });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.course).toEqual(['closing', 'before SIGTERM', `report ${REPORT}`, `after ${REPORT}`, 'exit']);
    expect(service.stderr).toContain(`The ${name} function of closeOnSignal() failed: from ${name}`);
  });

  test.each(['before', 'report', 'after'])(
    '%s throws, and the warning cannot be given: all else is done',
    async (name) => {
      await using service = await Service.start('close-on-signal', { hooks: { [name]: 'throws' }, unwarned: true });
      const request = await service.request('/answered');
      service.process.kill('SIGTERM');
      expect(await request.text).toMatch(/answered$/);
      expect(await service.exit).toEqual({ code: name === 'report' ? 0 : 1, signal: null });
      expect(service.course).toEqual(['closing', 'before SIGTERM', `report ${REPORT}`, `after ${REPORT}`, 'exit']);
      expect(service.stderr).toBe('');
    },
  );

  test.each(['throws', 'rejects'])('onReport %s: a warning', async (how) => {
    await using service = await Service.start('close-on-signal', { hooks: { report: how, after: 'unrefed' } });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course.at(-2)).toMatch(/^after/);
    expect(service.stderr).toContain('The onReport function of closeOnSignal() failed: from report');
  });

  test.each(['before', 'after'])('%s throws what is no error, and cannot be shown', async (name) => {
    await using service = await Service.start('close-on-signal', { hooks: { [name]: 'throwsNoError' } });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.stderr).toContain(`The ${name} function of closeOnSignal() failed: it threw what cannot be shown`);
  });

  test.each([{}, { timeout: 'Infinity', lingerTimeout: 'Infinity' }])('no deadline, and times %o', async (times) => {
    await using service = await Service.start('close-on-signal', {
      deadline: 'Infinity',
      ...times,
      hooks: { before: 'unrefed', after: 'unrefed' },
    });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toEqual(['closing', 'before SIGTERM', `report ${REPORT}`, `after ${REPORT}`, 'exit']);
    expect(service.stderr).toBe('');
  });

  test('before hangs: the servers have their time, and nothing is cut', async () => {
    await using service = await Service.start('close-on-signal', {
      hooks: { before: 'hangs' },
      deadline: 4_000,
      timeout: 1_000,
    });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    // The timer of the hook keeps the process alive until the deadline.
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.course).toHaveLength(5);
    expect(service.course[2]).toContain('"cut":0');
  });

  test.each(['closesServer', 'closesServers'])('before waits for a close of its own: %s', async (before) => {
    await using service = await Service.start('close-on-signal', { hooks: { before }, deadline: 60_000 });
    const request = await service.request('/answered');
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toContain(`report ${REPORT}`);
    expect(service.stderr).toBe('');
  });

  test('after hangs: exit code 1 at the deadline', async () => {
    await using service = await Service.start('close-on-signal', { hooks: { after: 'hangs' }, deadline: 500 });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 1, signal: null });
  });

  test('a hook whose timer is unref()ed is waited for', async () => {
    await using service = await Service.start('close-on-signal', {
      hooks: { before: 'unrefed', after: 'unrefed' },
    });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toHaveLength(5);
  });

  test('something else keeps the process alive: it ends at the deadline, with 0', async () => {
    await using service = await Service.start('close-on-signal', { keepsAlive: true, deadline: 500 });
    service.process.kill('SIGTERM');
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course.at(-1)).toBe('exit');
  });

  test('times that do not fit into the deadline are made shorter', async () => {
    await using service = await Service.start('close-on-signal', {
      deadline: 3_000,
      drainDelay: 60_000,
      timeout: 60_000,
    });
    const request = await service.request('/hangs');
    service.process.kill('SIGTERM');
    await service.said(/^before/m);
    // There is still a drain.
    expect(await (await service.request('/ready')).text).toMatch(/^HTTP\/1\.1 503 /);
    expect(await request.text).toBe('');
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.course.some((line) => line.startsWith('after'))).toBe(true);
  });
});

describe('servers that begin to listen when the process is told to end already', () => {
  const start = async (when: string) => {
    const service = new Service('shutdown/close-on-signal-late', { args: [when] });
    await service.said(/^started$/m);
    service.process.kill('SIGTERM');
    return service;
  };

  test.each(['before', 'named, before'])('%s: while before runs they are closed with the others', async (when) => {
    await using service = await start(when);
    const request = await rawRequest(Number(await service.said(/^port (\d+)$/m)), get('/'));
    expect(await request.text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toContain('report 1 0 1');
  });

  // Nothing else ends the process before its deadline of a minute.
  test.each(['after', 'later'])('%s: they are closed at once', async (when) => {
    await using service = await start(when);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toEqual(['started', 'report 0 0 0']);
    expect(service.stdout).toMatch(/^port/m);
  });

  test('in after, and a request of it is cut behind the report: exit code 1', async () => {
    await using service = await start('cut');
    const request = await rawRequest(Number(await service.said(/^port (\d+)$/m)), get('/'));
    expect(await request.text).toBe('');
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.course).toContain('report 0 0 0');
  });

  test.each(['named, later', 'named, after', 'last, later', 'last, after'])('one that is %s', async (when) => {
    await using service = await start(when);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toEqual(['started', 'report 0 0 1']);
    expect(service.stdout).toMatch(/^port/m);
  });

  test('with exit: false one that listens again is closed by after', async () => {
    await using service = await start('again');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  test('with exit: false they stay', async () => {
    await using service = await start('stays');
    const request = await rawRequest(Number(await service.said(/^port (\d+)$/m)), get('/'));
    expect(await request.text).toMatch(/keep-alive\r\n[\s\S]*answered$/);
  });
});

test.each([[], ['Infinity']])(
  'servers of another copy of the package: no option is unknown to it %s',
  async (...args) => {
    await using fixture = new Fixture('shutdown/close-on-signal-copies', { args });
    expect(await fixture.next()).toEqual({ servers: 1 });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(fixture.stderr).toBe('');
  },
);

describe('where it runs', () => {
  test('the message of PM2', async () => {
    await using service = await Service.start();
    const request = await service.request('/answered');
    service.send('shutdown' as unknown as object);
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
    expect(service.course).toContain('before shutdown');
  });

  test('a signal behind the message is the first one', async () => {
    await using service = await Service.start();
    const request = await service.request('/answered');
    service.send('shutdown' as unknown as object);
    await service.said(/^before/m);
    service.process.kill('SIGTERM');
    expect(await request.text).toMatch(/answered$/);
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  test.each([
    ['alone', []],
    ['beside register', ['--import', 'lingering-close/register']],
  ])('it does not keep a process alive, also with a channel to a parent: %s', async (_how, execArgv) => {
    await using fixture = new Fixture('shutdown/close-on-signal-ends', { execArgv });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  // Without the package Node keeps them until then.
  test.each([1, 2])('messages that come before the application listens reach it: %d calls', async (times) => {
    await using fixture = new Fixture<unknown>('shutdown/close-on-signal-messages', { args: [String(times)] });
    fixture.send({ first: 1 });
    expect(await fixture.next()).toBe('started');
    fixture.send('second');
    expect([await fixture.next(), await fixture.next()]).toEqual([{ got: { first: 1 } }, { got: 'second' }]);
    fixture.send('last');
    expect(await fixture.next()).toEqual({ got: 'last' });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
  });

  test('what is sent to the parent behind the shutdown arrives', async () => {
    await using service = await Service.start('close-on-signal', { hooks: { after: 'sendsLater' } });
    service.process.kill('SIGTERM');
    expect(await service.next()).toBe('later');
    expect(await service.exit).toEqual({ code: 0, signal: null });
  });

  test('a Worker: the main thread has the signals', async () => {
    const worker = new Worker(
      `import('lingering-close')
        .then(({ closeOnSignal }) => closeOnSignal())
        .catch(({ code }) => require('worker_threads').parentPort.postMessage(code))`,
      { eval: true, execArgv: [] },
    );
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('ERR_WORKER_UNSUPPORTED_OPERATION');
    await worker.terminate();
  });

  describe('cluster', () => {
    const start = (how?: NodeProcessOptions, options = {}) => Service.start('close-on-signal-cluster', options, how);

    test('a signal for the primary', async () => {
      await using service = await start();
      const request = await service.request('/');
      service.process.kill('SIGTERM');
      expect(await request.text).toMatch(/Connection: close\r\n[\s\S]*answered$/);
      expect(await service.exit).toEqual({ code: 0, signal: null });
      expect(service.course).toEqual(['primary SIGTERM', 'worker shutdown', 'closed 1 0', 'ended 0 ']);
    });

    test('workers that are replaced when they end: the primary ends all the same', async () => {
      await using service = await start({}, { respawns: true, deadline: 60_000 });
      const request = await service.request('/');
      service.process.kill('SIGTERM');
      expect(await request.text).toMatch(/answered$/);
      expect(await service.exit).toEqual({ code: 0, signal: null });
      expect(service.stderr).toBe('');
    });

    test('a signal for all, as Ctrl-C is one', async () => {
      // In a process group of its own, which the test signals as a terminal does.
      await using service = await start({ prefix: ['setsid'] });
      const request = await service.request('/');
      process.kill(-(service.process.pid as number), 'SIGINT');
      expect(await request.text).toMatch(/answered$/);
      expect(await service.exit).toEqual({ code: 0, signal: null });
      expect(service.course).toContain('closed 1 0');
    });

    test('the primary is killed: its worker answers what is in flight', async () => {
      await using service = await start();
      const request = await service.request('/');
      service.process.kill('SIGKILL');
      expect(await request.text).toMatch(/answered$/);
      await service.exit;
      expect(service.course).toEqual(['worker disconnect', 'closed 1 0']);
    });
  });

  const namespaces = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0;
  describe.skipIf(!namespaces)(`PID 1${namespaces ? '' : ' (skipped: unshare is not permitted)'}`, () => {
    const start = () => Service.start('close-on-signal', {}, { prefix: ['unshare', '-pf', '--mount-proc'] });
    const signalChild = (service: Service, signal: NodeJS.Signals) => {
      const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(service.process.pid)], { encoding: 'utf8' });
      process.kill(Number(stdout), signal);
    };

    test('one signal', async () => {
      await using service = await start();
      const request = await service.request('/answered');
      signalChild(service, 'SIGTERM');
      expect(await request.text).toMatch(/answered$/);
      expect(await service.exit).toEqual({ code: 0, signal: null });
    });

    test('the kernel lets no second signal kill it, so it ends by the exit code of one', async () => {
      await using service = await start();
      const request = await service.request('/hangs');
      signalChild(service, 'SIGTERM');
      await service.said(/^before/m);
      signalChild(service, 'SIGTERM');
      expect(await request.text).toBe('<ECONNRESET>');
      expect(await service.exit).toEqual({ code: 128 + 15, signal: null });
    });
  });
});

test.each([
  [{ signals: 'SIGTERM' }, 'ERR_INVALID_ARG_TYPE', 'options.signals'],
  [{ signals: ['SIGNONE'] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ signals: ['SIGKILL'] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ signals: ['toString'] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ signals: [15] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ signals: [['SIGTERM']] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ signals: [Object.create(null)] }, 'ERR_INVALID_ARG_VALUE', 'options.signals'],
  [{ deadline: -1 }, 'ERR_OUT_OF_RANGE', 'options.deadline'],
  [{ deadline: Number.NaN }, 'ERR_OUT_OF_RANGE', 'options.deadline'],
  [{ deadline: '25s' }, 'ERR_INVALID_ARG_TYPE', 'options.deadline'],
  [{ exit: 1 }, 'ERR_INVALID_ARG_TYPE', 'options.exit'],
  [{ before: [] }, 'ERR_INVALID_ARG_TYPE', 'options.before'],
  [{ after: {} }, 'ERR_INVALID_ARG_TYPE', 'options.after'],
  [{ onReport: true }, 'ERR_INVALID_ARG_TYPE', 'options.onReport'],
  [{ settle: -1 }, 'ERR_OUT_OF_RANGE', 'options.settle'],
  [{ servers: {} }, 'ERR_INVALID_ARG_TYPE', 'options.servers'],
  [null, 'ERR_INVALID_ARG_TYPE', 'options'],
])('wrong arguments: %j', (options, code, name) => {
  const before = process.listenerCount('SIGTERM');
  expect(() => closeOnSignal(options as never)).toThrow(
    expect.objectContaining({ code, message: expect.stringContaining(`"${name}"`) }),
  );
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
