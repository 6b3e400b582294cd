import { Worker } from 'node:worker_threads';
import type { Seal } from '../../contract/seal.js';
import type { CheckpointerData, CheckpointerWord } from './checkpointer.js';

/** A row that is changed is about a page of the log. */
const ROWS = 2_000;

/**
 * Folds SQLite's write-ahead log into the file in a thread of its own, so that who commits goes on meanwhile: it is half of what
 * writing costs. The log begins anew only once nothing is left in it, and while others write there always is; so SQLite folds in
 * the rest itself, inside a COMMIT, when the log has grown long (`wal_autocheckpoint`). It folds in everything where this thread
 * cannot be had.
 */
export class Checkpoints {
  readonly #data: CheckpointerData;
  #worker: Worker | undefined;
  /** Closed, or the thread cannot be had. */
  #isOver = false;
  #rows = 0;
  #folding: Promise<void> | undefined;

  /** @param path of the database file */
  constructor(path: string, seal: Seal | undefined) {
    this.#data = { path, seal };
  }

  /** @param rows that have been changed since the file was opened */
  changed(rows: number): void {
    if (rows - this.#rows < ROWS || this.#folding || this.#isOver) return;
    this.#rows = rows;
    this.#worker ??= this.#started();
    const worker = this.#worker;
    worker.ref(); // a process that has nothing else to do still waits for it
    tell(worker, 'fold');
    this.#folding = folded(worker).then(() => {
      worker.unref();
      this.#folding = undefined;
    });
  }

  /** Resolves when the thread does nothing, and has let go of its lock. */
  async settled(): Promise<void> {
    await this.#folding;
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await this.settled();
    const worker = this.#worker;
    if (!worker) return;
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    worker.ref();
    tell(worker, 'end');
    await ended;
  }

  #started(): Worker {
    const worker = new Worker(new URL('./checkpointer.js', import.meta.url), { workerData: this.#data, execArgv: [] });
    worker.on('error', () => undefined); // the file cannot be opened once more; SQLite does without the thread
    worker.on('exit', () => {
      this.#isOver = true;
      this.#worker = undefined;
    });
    return worker;
  }
}

const tell = (worker: Worker, word: CheckpointerWord): void => worker.postMessage(word);

/** It has done what it was told, or is no more. */
function folded(worker: Worker): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      worker.off('message', over);
      worker.off('exit', over);
      resolve();
    };
    worker.on('message', over);
    worker.on('exit', over);
  });
}
