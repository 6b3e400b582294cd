import { fork } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

export interface Serving<Result> {
  port: number;
  /** Ends it; gives what it has to say of its run. */
  stop(): Promise<Result & { peakBytes: number }>;
}

/** Runs a server task of `tasks/` in a process of its own until stopped. */
export async function serving<Result extends object = object>(task: string, args: object): Promise<Serving<Result>> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [task, JSON.stringify(args)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const output = child.stdout ? text(child.stdout) : Promise.resolve('');
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('close', (code) => reject(new Error(`${task} ended with ${code}`)));
  });
  return {
    port,
    stop: async () => {
      if (child.connected) child.send('stop');
      const line = (await output).trim().split('\n').at(-1) ?? '';
      if (line === '') throw new Error(`${task} ended without a result`);
      return JSON.parse(line) as Result & { peakBytes: number };
    },
  };
}
