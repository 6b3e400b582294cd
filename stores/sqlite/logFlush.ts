import { closeSync, fdatasync, fdatasyncSync, openSync } from 'node:fs';
import { IovError } from '../../contract/error.js';
import type { Seal } from '../../contract/seal.js';
import { Checkpoints } from './checkpoints.js';

/**
 * Puts SQLite's write-ahead log on the disk. SQLite itself would do so inside each COMMIT (`synchronous = FULL`) and hold up
 * this thread while the disk turns; with `synchronous = NORMAL` it leaves that to us, and a flush runs beside the next
 * messages. What has been committed is durable once a flush that began after it has ended. SQLite still flushes the log
 * before it folds it into the file, so that the file is whole whatever happens.
 */
export class LogFlush {
  /** Where the log goes in the end. */
  readonly checkpoints: Checkpoints;
  readonly #path: string;
  #file: number | undefined;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: IovError | undefined;

  /** @param database path of the database file; its log stands beside it and stays the same file while it is open */
  constructor(database: string, seal?: Seal) {
    this.checkpoints = new Checkpoints(database, seal);
    this.#path = `${database}-wal`;
  }

  /** Everything committed so far is on the disk when this returns. */
  now(): void {
    this.#refuseAfterFailure();
    try {
      fdatasyncSync(this.#opened());
    } catch (cause) {
      throw this.#failed(cause);
    }
  }

  /** Resolves when everything committed so far is on the disk. Who asks while a flush runs shares the next one. */
  soon(): Promise<void> {
    if (!this.#running) return this.#start();
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    );
    return this.#next;
  }

  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
    await this.#next?.catch(() => undefined);
    await this.checkpoints.close();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #start(): Promise<void> {
    this.#next = undefined;
    const flush = new Promise<void>((resolve, reject) => {
      this.#refuseAfterFailure();
      fdatasync(this.#opened(), (cause) => (cause ? reject(this.#failed(cause)) : resolve()));
    });
    this.#running = flush;
    const ended = () => {
      if (this.#running === flush) this.#running = undefined;
    };
    flush.then(ended, ended);
    return flush;
  }

  #opened(): number {
    this.#file ??= openSync(this.#path, 'r');
    return this.#file;
  }

  /** After a failed flush nobody knows what the disk holds; only a new start, which reads it, can tell. */
  #refuseAfterFailure(): void {
    if (this.#failure) throw this.#failure;
  }

  #failed(cause: unknown): IovError {
    const message = cause instanceof Error ? cause.message : String(cause);
    this.#failure ??= new IovError(
      'STORE_FAILED',
      `the disk failed while the archive was flushed (${message}); restart when it is mended`,
      {
        cause,
      },
    );
    return this.#failure;
  }
}
