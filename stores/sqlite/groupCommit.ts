import { IovError } from '../../contract/error.js';
import type { Effect } from '../../contract/store.js';
import type { LogFlush } from './logFlush.js';
import type { Transactions } from './transactions.js';

interface Waiting {
  effects: readonly Effect[];
  resolve(): void;
  reject(error: IovError): void;
}

export interface GroupBounds {
  /** Callers that share a transaction, and with it one flush to the disk. */
  commitsPerTransactionMax: number;
  /** Callers that may wait; more are refused with OVERLOADED. */
  queueMax: number;
}

export const defaultBounds: GroupBounds = { commitsPerTransactionMax: 500, queueMax: 100_000 };

/**
 * Group commit: a flush to the disk costs the same for one caller as for hundreds. Callers queue while the event loop turns,
 * then one transaction takes them in order, and they hear of it when the log has been flushed. Whoever comes while the disk
 * turns shares the next flush, so that the groups fit the load by themselves.
 */
export class GroupCommit {
  readonly #transactions: Transactions;
  readonly #log: LogFlush;
  readonly #bounds: GroupBounds;
  readonly #flushing = new Set<Promise<void>>();
  #queue: Waiting[] = [];
  #turn: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(transactions: Transactions, log: LogFlush, bounds: GroupBounds) {
    this.#transactions = transactions;
    this.#log = log;
    this.#bounds = bounds;
  }

  /** Resolves when the effects are on the disk; rejects, with nothing done, where one of them throws or the disk fails. */
  commit(effects: readonly Effect[]): Promise<void> {
    if (this.#closed) return Promise.reject(new IovError('STOPPED', 'the archive is closed'));
    if (this.#queue.length >= this.#bounds.queueMax) {
      return Promise.reject(
        new IovError('OVERLOADED', `more than ${this.#bounds.queueMax} commits wait for the archive`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ effects, resolve, reject });
      this.#soon();
    });
  }

  /** Takes what still waits, then nothing more; resolves when all of it is on the disk. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#turn) clearImmediate(this.#turn);
    this.#turn = undefined;
    while (this.#queue.length > 0) this.#takeGroup();
    await Promise.all(this.#flushing);
  }

  /** While the disk turns callers gather, and the next transaction takes all of them, unless it is full before. */
  #soon(): void {
    if (this.#queue.length === 0) return;
    if (this.#flushing.size > 0 && this.#queue.length < this.#bounds.commitsPerTransactionMax) return;
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      this.#takeGroup();
      this.#soon(); // sockets and timers have their turn between two groups
    });
  }

  #takeGroup(): void {
    const group = this.#queue.splice(0, this.#bounds.commitsPerTransactionMax);
    const failures: (IovError | undefined)[] = [];
    try {
      this.#transactions.runUnflushed('committing to the archive', () => {
        for (const { effects } of group) failures.push(this.#transactions.runApart(effects));
      });
    } catch (thrown) {
      const error = IovError.from(thrown);
      for (const { reject } of group) reject(error);
      return;
    }
    const flushed = this.#log.soon().then(
      () => group.forEach(({ resolve, reject }, index) => void (failures[index] ? reject(failures[index]) : resolve())),
      (thrown: unknown) => group.forEach(({ reject }) => void reject(IovError.from(thrown))),
    );
    const told = flushed.finally(() => {
      this.#flushing.delete(told);
      if (!this.#closed) this.#soon();
    });
    this.#flushing.add(told);
  }
}
