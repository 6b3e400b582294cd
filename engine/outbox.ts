import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** What a worker was writing when its process died is packed anew; what one that lives is writing is not touched. */
export async function removePartialFiles(outbox: string): Promise<void> {
  for (const name of await readdir(outbox)) {
    if (!name.endsWith('.part')) continue;
    const pid = Number.parseInt(name, 10);
    if (pid === process.pid || !isAlive(pid)) await rm(join(outbox, name), { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0); // asks, and sends nothing
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
