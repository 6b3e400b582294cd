import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Serving {
  port: number;
  stop(): Promise<void>;
}

/** Runs a server task of `tasks/` in a process of its own until stopped. */
export async function serving(task: string, args: object): Promise<Serving> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [task, JSON.stringify(args)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve((message as { port: number }).port));
    child.once('close', (code) => reject(new Error(`${task} ended with ${code}`)));
  });
  return {
    port,
    stop: async () => {
      child.send('stop');
      await ended;
    },
  };
}
