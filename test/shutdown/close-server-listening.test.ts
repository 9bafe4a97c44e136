// A server that does not listen yet, or that is to listen again.
import { expect, test } from 'vitest';
import { Fixture } from '../support/fixture.ts';

interface Result {
  name: string;
  node: { listening: boolean };
  ours: { listening: boolean };
}

test.each([
  ['in a process of its own', []],
  ['in a cluster worker', ['cluster']],
  ['in a cluster worker that shares a socket', ['cluster', 'shared']],
])('whatever close() of Node does is done: %s', async (_where, args) => {
  await using fixture = new Fixture<Result[]>('shutdown/close-server-listening', { args });
  const results = await fixture.next();
  expect(results.length).toBeGreaterThan(10);
  for (const { name, node, ours } of results) expect([name, ours]).toEqual([name, node]);
  // The scenarios are none in which nothing ever listens.
  expect(results.some(({ node }) => node.listening)).toBe(true);
  expect(fixture.stderr).toBe('');
});
