// The times of the servers under a deadline.
import { expect, test } from 'vitest';
import { shortenTimes } from '../../src/shutdown/shorten-times.ts';

type Row = [ms: number, given: [number, number, number], expected: [number, number, number]];

test.each<Row>([
  // They fit, each of them, however large it is.
  [25_000, [0, 10_000, 2_000], [0, 10_000, 2_000]],
  [20_000, [5_000, 12_000, 2_000], [5_000, 12_000, 2_000]],
  [25_000, [0, 5_000, 15_000], [0, 5_000, 15_000]],
  [25_000, [20_000, 1_000, 4_000], [20_000, 1_000, 4_000]],
  // `timeout` is made shorter first, and then no time has more than its share.
  [20_000, [5_000, 60_000, 2_000], [5_000, 13_000, 2_000]],
  [20_000, [60_000, 60_000, 2_000], [9_000, 9_000, 2_000]],
  [20_000, [60_000, 1_000, 2_000], [17_000, 1_000, 2_000]],
  [10_000, [0, 60_000, 60_000], [0, 8_000, 2_000]],
  [10_000, [0, 5_000, 60_000], [0, 5_000, 5_000]],
  [10_000, [Infinity, Infinity, Infinity], [4_000, 4_000, 2_000]],
  [10_000, [0, Infinity, 1_000], [0, 9_000, 1_000]],
  [10_000, [0, 1_000, Infinity], [0, 1_000, 9_000]],
  // Nothing is left.
  [0, [5_000, 10_000, 2_000], [0, 0, 0]],
  [-3_000, [Infinity, Infinity, Infinity], [0, 0, 0]],
  // No deadline.
  [Infinity, [5_000, Infinity, Infinity], [5_000, Infinity, Infinity]],
])('%d ms for %j', (ms, [drainDelay, timeout, lingerTimeout], [drain, requests, lingers]) => {
  // The times alone: an option besides would go to other copies of the package.
  const given = { drainDelay, timeout, lingerTimeout, servers: [] };
  expect(shortenTimes(given, ms)).toEqual({ drainDelay: drain, timeout: requests, lingerTimeout: lingers });
});
