import type { Clock, Log } from '../../contract/context.js';
import type { WindowKey } from '../../contract/file.js';
import type { Purges } from '../../contract/purge.js';
import type { Received } from '../../contract/received.js';
import type { Samples } from '../../contract/sample.js';
import type { SentFilter, SentRequests } from '../../contract/sent.js';
import type {
  CardFilter,
  CardState,
  DeadLetter,
  DeadLetterFilter,
  DueAlarm,
  DueFile,
  DueFileFilter,
  Effect,
  FileRow,
  KnownPosition,
  NewFile,
  PackedRow,
  Position,
  PositionFilter,
  Store,
  StoreStatus,
  Transaction,
  WindowRow,
} from '../../contract/store.js';
import { Archive } from './archive.js';
import { Cards } from './cards.js';
import type { Database } from './database.js';
import { DeadLetters } from './deadLetters.js';
import { DueFiles } from './dueFiles.js';
import { Files } from './files.js';
import { type GroupBounds, GroupCommit } from './groupCommit.js';
import type { LogFlush } from './logFlush.js';
import { PurgeRows } from './purges.js';
import { ReceivedFiles } from './received.js';
import { ReceivedDays } from './receivedDay.js';
import { Requests } from './requests.js';
import { SampleRows } from './samples.js';
import { Trace } from './trace.js';
import { transactionOf } from './transaction.js';
import { Transactions } from './transactions.js';
import { Windows } from './windows.js';

/** What reads the records, wherever they are. */
export type RecordMethods = 'codes' | 'openWindow' | 'stretches' | 'records' | 'lines' | 'fileIv' | 'trace';

/** What the ledger is made of; an archive elsewhere puts its own in the place of some. */
export interface LedgerParts {
  clock: Clock;
  log: Log;
  readOnly: boolean;
  bounds: GroupBounds;
  archive?: Archive;
  cards?: Cards;
}

/**
 * State by card, requests, windows, files and dead letters in one SQLite file, so that one transaction covers them all; and the
 * records, or those of them that have not gone elsewhere yet.
 */
export abstract class Ledger implements Omit<Store, RecordMethods> {
  readonly samples: Samples;
  readonly purges: Purges;
  readonly received: Received;
  readonly #database: Database;
  protected readonly clock: Clock;
  protected readonly log: Log;
  protected readonly archive: Archive;
  protected readonly windows: Windows;
  protected readonly files: Files;
  readonly #dueFiles: DueFiles;
  readonly #cards: Cards;
  readonly #deadLetters: DeadLetters;
  readonly #requests: Requests;
  protected readonly traces: Trace;
  protected readonly transactions: Transactions;
  readonly #group: GroupCommit;
  readonly #flush: LogFlush;

  constructor(database: Database, flush: LogFlush, given: LedgerParts) {
    this.#flush = flush;
    this.#database = database;
    this.clock = given.clock;
    this.log = given.log;
    this.archive = given.archive ?? new Archive(database);
    this.windows = new Windows(database, this.archive);
    this.files = new Files(database);
    this.#dueFiles = new DueFiles(database);
    this.#cards = given.cards ?? new Cards(database);
    this.#deadLetters = new DeadLetters(database);
    this.#requests = new Requests(database);
    this.traces = new Trace(database, {
      cards: this.#cards,
      windows: this.windows,
      files: this.files,
      dueFiles: this.#dueFiles,
      deadLetters: this.#deadLetters,
    });
    const samples = new SampleRows(database);
    const days = new ReceivedDays(database);
    const parts = {
      requests: this.#requests,
      samples,
      received: new ReceivedFiles(database, this.archive, this.#dueFiles),
      archive: this.archive,
      cards: this.#cards,
      deadLetters: this.#deadLetters,
      windows: this.windows,
      files: this.files,
      dueFiles: this.#dueFiles,
    };
    const tallies = [this.archive.tally, this.#requests.tally];
    const { clock, readOnly } = given;
    this.transactions = new Transactions(database, flush, { clock, readOnly, tallies }, (frame) =>
      transactionOf(parts, frame),
    );
    this.#group = new GroupCommit(this.transactions, flush, given.bounds);
    const now = () => this.clock.now();
    const read = <Result>(work: () => Result) => this.transactions.read('looking at what is to be purged', work);
    this.received = { day: (day, nowMs) => this.run('reading what was received', () => days.of(day, nowMs)) };
    this.samples = samples.face((doing, work) => this.run(doing, work), now);
    const commit = (work: () => void) => this.step(work);
    const logIsLeft = () => flush.checkpoints.settled();
    this.purges = new PurgeRows(database, this.#cards).face({ commit, read, now, logIsLeft });
  }

  commit(effects: readonly Effect[]): Promise<void> {
    return this.#group.commit(effects);
  }

  read<Result>(work: (state: Pick<Transaction, 'request' | 'card' | 'cardsOf'>) => Result): Result {
    return this.transactions.read('reading the archive', work);
  }

  openDirectWindow(key: WindowKey, pipeline: string): WindowRow {
    return this.run('opening a window', () => this.windows.openDirect(key, pipeline, this.clock.now()));
  }

  openWindows(pipeline: string): WindowRow[] {
    return this.transactions.read('reading windows', () => this.windows.openOf(pipeline));
  }

  setWindowOptions(id: number, options: string): void {
    this.run('noting how a window is cut', () => this.windows.setOptions(id, options));
  }

  windowDelivered(id: number): void {
    this.run('noting a window as delivered', () => this.windows.delivered(id, this.clock.now()));
  }

  reopenWindow(id: number): void {
    this.run('opening a window again', () => {
      this.windows.reopen(id, this.clock.now());
      this.files.reopen(id);
    });
  }

  file(baseName: string): FileRow | undefined {
    return this.transactions.read('reading a file of the ledger', () => this.files.get(baseName));
  }

  planFile(file: NewFile): FileRow {
    return this.run('planning a file', () => this.files.plan(file, this.clock.now()));
  }

  filePacked(baseName: string, packed: PackedRow): Promise<void> {
    return this.step(() => {
      const before = this.files.packed(baseName, packed, this.clock.now());
      if (before === undefined || before === packed.sm3) return;
      this.log.warn({ file: baseName, before, now: packed.sm3 }, 'a file was packed again to other bytes');
    });
  }

  fileUploading(baseName: string): Promise<void> {
    return this.step(() => this.files.uploading(baseName));
  }

  fileDelivered(baseName: string, remotePath: string): Promise<void> {
    return this.step(() => {
      this.files.delivered(baseName, remotePath, this.clock.now());
      this.#dueFiles.delivered(baseName, this.clock.now());
    });
  }

  dueFile(name: string): DueFile | undefined {
    return this.transactions.read('reading a due file', () => this.#dueFiles.get(name));
  }

  dueFiles(filter: DueFileFilter): DueFile[] {
    return this.transactions.read('reading due files', () => this.#dueFiles.list(filter));
  }

  dueAlarms(limit: number): DueAlarm[] {
    return this.run('looking at deadlines', () => this.#dueFiles.alarms(this.clock.now(), limit));
  }

  cards(filter: CardFilter): CardState[] {
    return this.transactions.read('reading cards', () => this.#cards.list(filter));
  }

  position(pipeline: string, source: string): Position | undefined {
    return this.transactions.read('reading a position', () => this.windows.position(pipeline, source));
  }

  positions(pipeline: string, filter: PositionFilter): KnownPosition[] {
    return this.transactions.read('reading positions', () => this.windows.positions(pipeline, filter));
  }

  status(): StoreStatus {
    return this.run('reading the status', () => ({
      records: this.archive.totals(),
      cards: this.#cards.counts(),
      windows: this.windows.shown(this.clock.now()),
      deadLetters: this.#deadLetters.waiting(),
      dueFiles: this.#dueFiles.counts(),
    }));
  }

  sent(filter: SentFilter): SentRequests[] {
    return this.transactions.read('reading who sent', () => this.#requests.sent(filter));
  }

  deadLetters(filter?: DeadLetterFilter): DeadLetter[] {
    return this.transactions.read('reading dead letters', () => this.#deadLetters.list(filter));
  }

  deadLetter(id: number): DeadLetter | undefined {
    return this.transactions.read('reading a dead letter', () => this.#deadLetters.get(id));
  }

  deadLetterRetried(id: number): void {
    this.run('noting a dead letter as sent again', () => this.#deadLetters.retried(id));
  }

  async close(): Promise<void> {
    if (!this.#database.open) return;
    await this.#group.close();
    await this.#flush.close();
    this.#database.close();
  }

  /** A step of a file, grouped with others that wait; resolves when it is on the disk. */
  protected step(work: () => void): Promise<void> {
    return this.#group.commit([work]);
  }

  /** The ledger's own work: one transaction each, on the disk when it returns, refusals of SQLite told as ours. */
  protected run<Result>(doing: string, work: () => Result): Result {
    return this.transactions.run(doing, work);
  }
}
