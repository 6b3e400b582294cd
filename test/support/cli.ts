import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment } from './cleanEnvironment.js';

const MAIN = fileURLToPath(new URL('../../cli/main.js', import.meta.url));

/** Far above what any of them takes, also on a machine that is busy with others. */
const LIFETIME_MS = 300_000;

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the real command line to its end. */
export function iovpipe(words: readonly string[], folder: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [MAIN, ...words],
      { cwd: folder, env: cleanEnvironment(), timeout: LIFETIME_MS },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
