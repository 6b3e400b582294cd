import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Store } from '../contract/store.js';
import { baseNameOf } from '../notice/fileName.js';

/**
 * Tidies the outbox after a crash. What a worker was writing when its process died is packed anew; what one that lives is
 * writing is not touched. A file that the ledger calls delivered was to be removed next, and nobody takes it up again.
 */
export async function tidyOutbox(outbox: string, store: Pick<Store, 'file'>): Promise<void> {
  for (const name of await readdir(outbox)) {
    const isLeft = name.endsWith('.part')
      ? !isAlive(Number.parseInt(name, 10))
      : store.file(baseNameOf(name))?.state === 'delivered';
    if (isLeft) await rm(join(outbox, name), { force: true });
  }
}

/** Another process; nobody has begun to write in this one. */
function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0); // asks, and sends nothing
  } catch (thrown) {
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}
