// The suite of real clients (`npm run test:clients`), apart from the others: it needs a browser, Java, Go, nginx.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.clients.ts'],
    // Generous bounds against a hang: a client that falls silent is ended sooner.
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    // What Node as it is loses is a race between server and client: for the record they have the machine for themselves.
    fileParallelism: !process.env['RECORD_CLIENTS'],
    reporters: ['default', './test/support/clients-reporter.ts'],
  },
});
