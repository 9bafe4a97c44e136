// The suite of `npm run test:frameworks`, apart from the others: it needs the frameworks of test/frameworks.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/frameworks/*.frameworks.ts'],
    // A generous bound against a hang.
    testTimeout: 60_000,
    retry: process.env['CI'] ? 1 : 0,
    pool: 'forks',
    maxWorkers: 2,
    maxConcurrency: 3,
  },
});
