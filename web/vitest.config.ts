import { defineConfig } from 'vitest/config';

const browser = {
  globalSetup: 'browser/build.ts',
  // A file has a program and a browser of its own.
  maxWorkers: 2,
  // As long as it takes on a machine that does other things: what is waited for
  // comes by itself, and the waits for it are shorter.
  testTimeout: 300_000,
  hookTimeout: 700_000,
  expect: { poll: { timeout: 60_000, interval: 50 } },
  // Chromium on a machine that is busy is now and then slower than its own limits;
  // what is broken is so twice. What was tried again is told.
  retry: 1,
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts'] } },
      { test: { name: 'browser', include: ['browser/**/*.test.ts'], ...browser } },
      { test: { name: 'turns', include: ['browser/turns.ts'], ...browser } },
      { test: { name: 'screenshots', include: ['browser/screenshots.ts'], ...browser } },
    ],
  },
});
