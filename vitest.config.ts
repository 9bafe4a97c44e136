import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Generous bounds against a hang: nothing in the suite waits for time where it can wait for an event.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Each test has processes of its own beside it, for which it mostly waits: with two at a time a machine of two processors would be half idle.
    maxWorkers: 3,
  },
});
