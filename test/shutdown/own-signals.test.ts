// process.kill() while the process is being shut down.
import { expect, test } from 'vitest';
import { onOwnSignal } from '../../src/shutdown/own-signals.ts';

test('process.kill is given back', () => {
  const { kill } = process;
  const giveBack = [onOwnSignal(() => true), onOwnSignal(() => true)];
  expect(process.kill).not.toBe(kill);
  for (const each of giveBack) each();
  expect(process.kill).toBe(kill);
});

test('one that the application has put around it goes on to work, also in the next shutdown', () => {
  const { kill } = process;
  const sent: unknown[][] = [];
  process.kill = (...args) => {
    sent.push(args);
    return true;
  };
  const giveBack = onOwnSignal(() => false);
  const { kill: ours } = process;
  process.kill = (...args) => ours(...args);
  giveBack();
  const giveBackAgain = onOwnSignal((signal) => signal === 'SIGTERM');
  try {
    process.kill(process.pid, 'SIGHUP');
    process.kill(process.pid, 'SIGTERM');
    process.kill(process.pid, null as never);
    giveBackAgain();
    process.kill(process.pid, 'SIGTERM');
  } finally {
    process.kill = kill;
  }
  expect(sent).toEqual([
    [process.pid, 'SIGHUP'],
    [process.pid, 'SIGTERM'],
  ]);
});
