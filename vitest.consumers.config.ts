// The suite of `npm run test:consumers`, apart from the others: it needs the tools of test/consumers/package.json.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/consumers/*.consumers.ts'],
    globalSetup: ['test/consumers/support/setup.ts'],
    // Generous bounds against a hang.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
