import { execFileSync, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const CHILD = fileURLToPath(new URL('./child.js', import.meta.url));

/** Runs a task of `tasks/` in a process of its own, so that its memory is its own, and gives its result. */
export async function measure<Result extends object>(
  task: string,
  args: object,
): Promise<Result & { peakBytes: number }> {
  const child = spawn(process.execPath, [CHILD, task, JSON.stringify(args)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const output = await text(child.stdout);
  const code = await ended;
  const line = output.trim().split('\n').at(-1) ?? '';
  if (code !== 0 || line === '') throw new Error(`${task} ended with ${code}: ${output.slice(-1_000)}`);
  return JSON.parse(line) as Result & { peakBytes: number };
}

/** To be called once the work has been made: a floor must not be measured while the machine still writes that to its disk. */
export function writtenOut(): void {
  execFileSync('sync');
}
