// The suite of real clients (`npm run test:clients`), apart from the others: it needs a browser, Java, Go, nginx.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/clients/*.clients.ts'],
    // Long bounds that only a hang reaches: a silent client is ended sooner.
    testTimeout: 600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 2,
    // What plain Node loses is a race between server and client. For the record each pair has the machine for itself.
    fileParallelism: !process.env['RECORD_CLIENTS'],
    reporters: ['default', './test/support/clients-reporter.ts'],
  },
});
