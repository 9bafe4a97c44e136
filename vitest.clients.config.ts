// The suite of real clients (`npm run test:clients`), apart from the others: it needs a browser, Java, Go, nginx.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.clients.ts'],
    // Generous bounds against a hang: a client that falls silent is ended sooner.
    testTimeout: 180_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // What is counted is a race between server and client: they have the machine for themselves.
    fileParallelism: false,
    reporters: ['default', './test/support/clients-reporter.ts'],
  },
});
