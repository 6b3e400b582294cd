// The thread of `Checkpoints`: folds the write-ahead log into the file whenever it is asked to.
import { parentPort, workerData } from 'node:worker_threads';
import type { Seal } from '../../contract/seal.js';
import { openDatabase } from './database.js';

export interface CheckpointerData {
  path: string;
  seal: Seal | undefined;
}

/** The thread answers `folded`; after `end` it has closed the file and is over. */
export type CheckpointerWord = 'fold' | 'end';

const { path, seal } = workerData as CheckpointerData;
const database = await openDatabase(path, false, seal);
const port = parentPort;
port?.on('message', (word: CheckpointerWord) => {
  if (word === 'end') {
    database.close();
    port.close();
    return;
  }
  try {
    database.pragma('wal_checkpoint(PASSIVE)');
  } catch {
    // a disk that is full or failed: what could not be folded in stands in the log, and is tried again
  }
  port.postMessage('folded');
});
