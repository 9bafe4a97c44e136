// Faked timers replace the global functions and those of node:timers. The library's own are taken when it is loaded.
import { mock } from 'node:test';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { afterPoll, timerAfterPoll } from '../../src/core/after-poll.ts';
import * as time from '../../src/core/time.ts';
import { Fixture, STREAMS_ENGINE } from '../support/fixture.ts';
import { Peer } from '../support/peer.ts';
import { ENGINES } from '../support/safe-close-host.ts';

const fakes = {
  'vi.useFakeTimers': () =>
    vi.useFakeTimers({
      toFake: [
        'setTimeout',
        'clearTimeout',
        'setInterval',
        'clearInterval',
        'setImmediate',
        'clearImmediate',
        'performance',
        'hrtime',
        'Date',
      ],
    }),
  'mock.timers of node:test': () => mock.timers.enable(),
};

afterEach(() => {
  vi.useRealTimers();
  mock.timers.reset();
});

describe.each(Object.entries(fakes))('under %s', (_name, fake) => {
  test('timers fire and the clock goes on', async () => {
    fake();
    // The fake is in place.
    expect(globalThis.setTimeout).not.toBe(time.setTimeout);
    expect(globalThis.setImmediate).not.toBe(time.setImmediate);
    const before = time.now();
    await new Promise<void>((resolve) => time.setTimeout(resolve, 5));
    expect(time.now()).toBeGreaterThan(before);
    await new Promise<void>((resolve) => time.setImmediate(resolve));
    await new Promise<void>((resolve) => {
      const interval = time.setInterval(() => {
        time.clearInterval(interval);
        resolve();
      }, 1);
    });
    await new Promise<void>((resolve) => timerAfterPoll(1, resolve, true));
    await new Promise<void>((resolve) => afterPoll(resolve));
  });
});

describe.each(ENGINES)('%s engine', (engine) => {
  const execArgv = engine === 'streams' ? STREAMS_ENGINE : [];

  // 'broken': whatever would still use the global functions fails at once.
  test.each(['mock', 'broken'])('with timers of kind %s a close ends in its time', async (kind) => {
    await using fixture = new Fixture<{ port: number }>('core/faked-timers', { args: [kind], execArgv });
    const { port } = await fixture.next();
    await using silent = await Peer.connect({ host: '127.0.0.1', port });
    // It takes nothing: the flush is given up. The other takes all, and does not close: the linger is.
    expect(await fixture.next()).toEqual({ outcome: 'idle', early: false });
    await using open = await Peer.connect({ host: '127.0.0.1', port });
    await open.receive(10);
    expect(await fixture.next()).toEqual({ outcome: 'idle', early: false });
    expect(await fixture.exit).toEqual({ code: 0, signal: null });
    expect(silent).toBeDefined();
  });
});

describe('after the poll phase', () => {
  test('a timer waits until the sockets have been looked at, and does so once', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      const afterPoll = () => {
        order.push('after poll');
        // Time for a second call, which would be one too many.
        time.setTimeout(resolve, 20);
      };
      timerAfterPoll(1, afterPoll, true);
      time.setTimeout(() => order.push('timer'), 1);
      // Both are due in the same turn of the loop.
      const until = time.now() + 5;
      while (time.now() < until);
    });
    expect(order).toEqual(['timer', 'after poll']);
  });

  test('is cancelled before the timer, and between the timer and the poll phase', async () => {
    const calls: string[] = [];
    timerAfterPoll(1, () => calls.push('before'), true)();
    afterPoll(() => calls.push('immediate'))();
    const cancel = timerAfterPoll(1, () => calls.push('between'), true);
    await new Promise<void>((resolve) => {
      time.setTimeout(() => {
        cancel();
        time.setImmediate(resolve);
      }, 1);
    });
    expect(calls).toEqual([]);
  });
});
