import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      {
        test: {
          name: 'browser',
          include: ['browser/**/*.test.ts'],
          globalSetup: 'browser/build.ts',
          // A file has a program and a browser of its own.
          maxWorkers: 2,
          // As long as it takes on a machine that does other things: what is
          // waited for comes by itself, and the waits for it are shorter.
          testTimeout: 300_000,
          hookTimeout: 700_000,
          expect: { poll: { timeout: 60_000, interval: 50 } },
        },
      },
    ],
  },
});
