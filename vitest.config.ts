import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Long bounds that only a hang reaches: no test waits for time where it can wait for an event.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real kernels, peers and clocks on a busy machine: in CI a test may try twice. The reporter tells which ones did.
    retry: process.env['CI'] ? 1 : 0,
    pool: 'forks',
    // A test mostly waits for its own processes. With only two tests at a time, a machine with two processors would be
    // half idle.
    maxWorkers: 3,
  },
});
