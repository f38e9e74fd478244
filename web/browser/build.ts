import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The program that the tests start. */
    program: string;
    /** A folder of this run, gone with it. */
    scratch: string;
  }
}

/** Builds the program that the tests start: the same as everybody's. */
export default function build(project: TestProject) {
  const folder = mkdtempSync(join(tmpdir(), 'roster-browser-'));
  const program = join(folder, 'roster');
  execFileSync('go', ['build', '-o', program, '.'], { cwd: join(import.meta.dirname, '../..'), stdio: 'inherit' });
  project.provide('program', program);
  project.provide('scratch', folder);
  return () => rmSync(folder, { recursive: true });
}
