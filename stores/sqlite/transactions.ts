import type { Clock } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { Effect, Transaction } from '../../contract/store.js';
import { type Database, guarded, type Statement, sqliteCode, storeFailed } from './database.js';
import type { LogFlush } from './logFlush.js';
import type { Tally } from './tally.js';

/** Counts that are written at the end. */
type Counts = Pick<Tally<never>, 'mark' | 'undo' | 'write'>;

/** What a transaction is made with: the time that holds for all it writes, and a place for what is to run last. */
export interface Frame {
  id(): number;
  now(): number;
  acceptedAt(): number;
  afterwards(effect: Effect): void;
}

/** Every write goes through here: one transaction at a time, each effect list undone alone where it throws. */
export class Transactions {
  readonly #database: Database;
  readonly #log: LogFlush;
  readonly #clock: Clock;
  readonly #tallies: readonly Counts[];
  readonly #transaction: Transaction;
  readonly #time: Statement<number>;
  readonly #begin: Statement;
  readonly #changes: Statement<number>;
  readonly #statements: Record<'commit' | 'rollback' | 'save' | 'release' | 'undo', Statement>;
  #id = 0;
  #acceptedAt: number | undefined;
  #afterwards: Effect[] = [];

  constructor(
    database: Database,
    log: LogFlush,
    given: { clock: Clock; readOnly: boolean; tallies: readonly Counts[] },
    make: (frame: Frame) => Transaction,
  ) {
    const { clock, readOnly, tallies } = given;
    this.#database = database;
    this.#log = log;
    this.#clock = clock;
    this.#tallies = tallies;
    this.#transaction = make({
      id: () => this.#id,
      now: () => this.#clock.now(),
      acceptedAt: () => this.#timeOfThis(),
      afterwards: (effect) => void this.#afterwards.push(effect),
    });
    const last = 'coalesce((SELECT accepted_at FROM records ORDER BY seq DESC LIMIT 1), 0)';
    this.#time = database.prepare<unknown[], number>(`SELECT max(closed_until, ${last}) FROM closing`).pluck();
    // a writer takes the lock at once, so that what it reads still holds when it writes
    this.#begin = database.prepare(readOnly ? 'BEGIN' : 'BEGIN IMMEDIATE');
    this.#changes = database.prepare<unknown[], number>('SELECT total_changes()').pluck();
    this.#statements = {
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      save: database.prepare('SAVEPOINT one'),
      release: database.prepare('RELEASE one'),
      undo: database.prepare('ROLLBACK TO one'),
    };
  }

  /** Runs the work in a transaction; durable when it returns, undone where it throws. */
  run<Result>(doing: string, work: (transaction: Transaction) => Result): Result {
    let before: number | undefined;
    const result = this.runUnflushed(doing, (transaction) => {
      before = this.#changes.get();
      return work(transaction);
    });
    if (this.#changes.get() !== before) this.#log.now();
    return result;
  }

  /** The same, but durable only after a flush of the log. */
  runUnflushed<Result>(doing: string, work: (transaction: Transaction) => Result): Result {
    if (!this.#database.open) throw new IovError('STOPPED', `${doing}: the archive is closed`);
    if (this.#database.inTransaction) throw new IovError('INTERNAL', `${doing}: inside another transaction`);
    this.#acceptedAt = undefined;
    this.#id += 1;
    try {
      this.#begin.run();
      const result = work(this.#transaction);
      this.#runLast();
      for (const tally of this.#tallies) tally.write();
      this.#statements.commit.run();
      this.#log.checkpoints.changed(this.#changes.get() ?? 0);
      return result;
    } catch (thrown) {
      this.#afterwards = [];
      for (const tally of this.#tallies) tally.undo(0);
      // SQLite itself has rolled back after some failures, a full disk among them
      if (this.#database.inTransaction) this.#statements.rollback.run();
      throw sqliteCode(thrown) ? storeFailed(thrown, doing) : thrown;
    }
  }

  /** Lookups that need not agree with one another: no lock is taken. */
  read<Result>(doing: string, work: (transaction: Transaction) => Result): Result {
    if (!this.#database.open) throw new IovError('STOPPED', `${doing}: the archive is closed`);
    return guarded(doing, () => work(this.#transaction));
  }

  /**
   * Runs effects inside the current transaction. What they throw undoes them alone, and is what comes back.
   * @throws what SQLite threw where the whole transaction is lost
   */
  runApart(effects: readonly Effect[]): IovError | undefined {
    this.#statements.save.run();
    const marks = this.#tallies.map(({ mark }) => mark);
    try {
      for (const effect of effects) effect(this.#transaction);
      this.#runLast();
      this.#statements.release.run();
      return undefined;
    } catch (thrown) {
      this.#afterwards = [];
      const code = sqliteCode(thrown);
      if (!this.#database.inTransaction || (code && !code.startsWith('SQLITE_CONSTRAINT'))) throw thrown;
      this.#statements.undo.run();
      for (const [index, tally] of this.#tallies.entries()) tally.undo(marks[index] ?? 0);
      this.#statements.release.run();
      return IovError.from(thrown, 'an effect');
    }
  }

  #runLast(): void {
    const effects = this.#afterwards;
    this.#afterwards = [];
    for (const effect of effects) effect(this.#transaction);
  }

  /**
   * When what is written here counts as accepted: never before what was accepted earlier, nor inside a window that has been
   * planned, whatever the machine's clock says. One time for the whole transaction.
   */
  #timeOfThis(): number {
    this.#acceptedAt ??= Math.max(this.#clock.now(), this.#time.get() ?? 0);
    return this.#acceptedAt;
  }
}
