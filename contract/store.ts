import type { CardContent, CardFilter, CardSide, CardState } from './card.js';
import type { DueAlarm, DueFile, DueFileFilter, NewDueFile } from './dueFile.js';
import type { FilePlan, FileState, WindowKey, WindowRow } from './file.js';
import type { Purges } from './purge.js';
import type { NewReceivedFile, Received, ReceivedFile, ReceivedRecord } from './received.js';
import type { NewSample, Samples } from './sample.js';
import type { SentFilter, SentRequests } from './sent.js';
import type { StoreStatus, TraceStep } from './storeStatus.js';
import type { Tags } from './tags.js';

export type { CardContent, CardFilter, CardSide, CardState } from './card.js';
export type { DueAlarm, DueFile, DueFileFilter, NewDueFile } from './dueFile.js';
export type { WindowRow } from './file.js';
export type { StoreStatus, TraceStep } from './storeStatus.js';

/** Something the store does inside a transaction; it may throw an IovError, which then undoes this item's effects alone. */
export type Effect = (transaction: Transaction) => void;

/** What can be asked and changed inside one transaction. All synchronous; times are set by the store. */
export interface Transaction {
  /** Another number for each transaction of this process, shared by the callers that are in it together. */
  readonly id: number;
  /** The request seen before under this id, if any. */
  request(platformId: string, requestId: string): StoredRequest | undefined;
  rememberRequest(request: Omit<StoredRequest, 'acceptedAt'>): void;
  /** Appends a record; its sequence number rises and never repeats. */
  append(record: NewRecord): number;
  card(iccid: string): CardState | undefined;
  /** Sets one side of a card's state; the other side stays. */
  putCardSide(iccid: string, side: CardSide, content: CardContent): void;
  /** How many other cards this person holds here (notice article 11). */
  cardsOf(person: string, exceptIccid: string): number;
  addDeadLetter(letter: NewDeadLetter): void;
  deadLetterRetried(id: number): void;
  /** What a letter is about lies elsewhere now, as its reason says. */
  deadLetterMoved(letter: Pick<NewDeadLetter, 'pipeline' | 'origin' | 'reason'> & { raw: Uint8Array }): void;
  /** What a letter is about has come again from where it came, and is right: it counts as sent again. */
  deadLetterMended(pipeline: string, origin: string): void;
  setPosition(pipeline: string, source: string, position: Position): void;
  /** The file that a position is of is not where it was any more, or is there again: what is gone is forgotten by a purge. */
  positionGone(pipeline: string, source: string, isGone: boolean): void;
  /** Notes a file; the first plan under a name stays, and is what comes back. */
  planFile(file: NewFile): FileRow;
  /**
   * Notes a file as due; one that is due already under that name, for the same cards, stays as it is, unless it had failed.
   * @throws IovError REQUEST_REUSED where it is due for other cards, and is not for further ones
   */
  addDueFile(file: NewDueFile): void;
  /** Its peer has been asked for it (a T1 command was answered with success). */
  dueFileAsked(name: string): void;
  /** It is where it belongs. A base name that ends in a code also fulfils what was due without one (`HT_CMD-7`). */
  dueFileDelivered(name: string): void;
  /** It cannot be had, or not for now: `reason` is shown; with `final` nobody tries any more. */
  dueFileFailed(name: string, reason: string, final: boolean): void;
  /** Keeps a record for a reviewer (notice article 10). */
  addSample(sample: NewSample): void;
  /**
   * Notes a file that somebody has sent; an album fulfils what was due. The row comes back, also where it was there already.
   * @throws IovError FILE_INVALID where other content has come under this name before
   */
  receiveFile(file: NewReceivedFile): ReceivedFile;
  /** The next records of a received batch: those that no file of its kind and code has brought before are appended. */
  loadRecords(file: ReceivedFile, from: number, records: readonly ReceivedRecord[]): void;
  /** Runs an effect when all others of this caller have run; where one of them throws it does not run at all. */
  afterwards(effect: Effect): void;
}

export interface StoredRequest {
  platformId: string;
  requestId: string;
  /** `KH`, `CL`, or `command`. */
  kind: string;
  code: string;
  iccid?: string;
  /** SM3 of the decrypted content; absent where the content is never opened (vehicle messages). */
  digest?: string;
  /** SM3 of the text as it came, where the content is never opened: a retry may be encrypted anew, so a change is only noted. */
  textDigest?: string;
  acceptedAt: number;
}

export interface NewRecord {
  kind: 'KH' | 'CL';
  code: string;
  iccid?: string | undefined;
  requestId?: string | undefined;
  platformId?: string | undefined;
  bytes: Uint8Array;
  /** Counts as reported (notice article 23): kept and traced, and in no window. */
  reported?: boolean;
  /**
   * Where it stands in the log that it comes from (`tags.position`). An archive that is shared by many machines knows the
   * record by it: whoever appends it again appends the very same row.
   */
  position?: number | undefined;
  /** When that log took it, by the log's own clock; the transaction's time where it is absent. */
  acceptedAt?: number | undefined;
}

/** How far a source has come: bytes and lines that are settled, and of which file. */
export interface Position {
  offset: number;
  line: number;
  /** Identifies the file: size and mtime at the time, or a digest of its head. */
  fingerprint: string;
}

/** What the ledger calls the position of a pipeline's schedule, among those of its sources. */
export const SCHEDULE = 'schedule';

/** Positions of files whose names begin with `prefix` and come after `after`, in order, at most `limit`. */
export interface PositionFilter {
  prefix: string;
  after: string;
  limit: number;
}

export interface KnownPosition {
  source: string;
  /** Whether it is noted that its file is not where it was. */
  isGone: boolean;
}

export interface NewDeadLetter {
  pipeline: string;
  /** Unique together with the pipeline: the same item failing again replaces its letter. */
  origin: string;
  code: string;
  /** What is wrong, masked. */
  reason: string;
  tags: Tags;
  raw?: Uint8Array;
}

export interface DeadLetter extends NewDeadLetter {
  id: number;
  at: number;
  state: 'waiting' | 'retried';
}

/**
 * Letters with an id above `afterId`, oldest first, or below `beforeId`, newest first; at most `limit` (1,000; never more than
 * 10,000), without their raw items.
 */
export interface DeadLetterFilter {
  pipeline?: string;
  code?: string;
  state?: DeadLetter['state'];
  afterId?: number;
  beforeId?: number;
  limit?: number;
}

export interface NewFile {
  /** Absent for an album. */
  windowId?: number;
  plan: FilePlan;
  fromPosition: number;
  toPosition: number;
}

/** A file as it lies in the outbox. */
export interface PackedRow {
  packedName: string;
  path: string;
  bytes: number;
  sm3: string;
  /** Digest of the steps that made these bytes; absent where an older program packed it. */
  steps?: string;
}

/** What it is packed as is set when it is. */
export interface FileRow extends Partial<PackedRow> {
  /** Absent for an album. */
  windowId?: number;
  name: string;
  plan: FilePlan;
  /** Positions of its first and its last record; 0 where it has none. */
  fromPosition: number;
  toPosition: number;
  state: FileState;
  deliveredAt?: number;
  remotePath?: string;
}

/** A stretch of a window: sizes and positions, without the bytes. */
export interface Stretch {
  positions: Float64Array;
  sizes: Uint32Array;
}

/**
 * Archive, state by card, requests and ledger. One writer thread. What may ask an archive on another machine gives a promise or
 * an AsyncIterable there, and no promise where the archive is a file: waiting for each record would cost more than reading it.
 */
export interface Store {
  /** Runs the effects in one transaction, grouped with others that wait; resolves when durable (fsync). */
  commit(effects: readonly Effect[]): Promise<void>;
  /** While a server is away what hangs in `commit` fails with STOPPED, until the server is back. */
  release?(): void;
  /** Aborts, with why, when what the store keeps is another machine's now: nobody here may go on. */
  readonly lost?: AbortSignal | undefined;
  /** Looks something up outside of any transaction; what it finds may be older than what still waits in `commit`. */
  read<Result>(work: (state: Pick<Transaction, 'request' | 'card' | 'cardsOf'>) => Result): Result;

  /**
   * Whether a record stands at this position (`tags.position`) already: what a replay asks, to tell what is new. Only of an
   * archive that knows records by their place in a topic; nothing else needs to be remembered of those there.
   * @param kind as it is stored: `KH`, `CL reported`
   */
  holds?(kind: string, code: string, position: number): Promise<boolean>;

  // ── windows and files ──
  codes(kind: 'KH' | 'CL', cutoffMs: number): string[] | Promise<string[]>;
  /**
   * The window under this key: as it was planned, or planned now. Nothing accepted later can fall into it. What other machines
   * have delivered of it stands in the ledger afterwards.
   * @throws IovError WINDOW_COVERED where a later `P` window of this kind and code exists; WINDOW_CONFLICT where cutoffMs is in
   *   the future, or a chain without the archive has a window of that name
   */
  openWindow(key: WindowKey, cutoffMs: number, pipeline: string): WindowRow | Promise<WindowRow>;
  /** The window of a chain without an archive before it (a backfill): the same row each time it is asked for. */
  openDirectWindow(key: WindowKey, pipeline: string): WindowRow;
  /** Windows of a pipeline that have begun and are not delivered, oldest first. */
  openWindows(pipeline: string): WindowRow[];
  setWindowOptions(id: number, options: string): void;
  windowDelivered(id: number): void;
  /** A window that has been delivered is delivered again, its files packed anew to the same bytes. */
  reopenWindow(id: number): void;
  /** In order of position; about so many records each. */
  stretches(window: WindowRow, recordsMax: number): Iterable<Stretch> | AsyncIterable<Stretch>;
  records(
    window: WindowRow,
    fromPosition: number,
    toPosition: number,
  ): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /**
   * Records `from` (included) to `to` (excluded) of a stretch, each followed by a newline, in pieces of bounded size.
   * @throws IovError STORE_FAILED where the archive does not give as many bytes as the stretch says
   */
  lines(
    window: WindowRow,
    stretch: Stretch,
    from: number,
    to: number,
  ): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

  file(baseName: string): FileRow | undefined;
  planFile(file: NewFile): FileRow;
  /** What the IV of a text file is made of, 32 hex digits: drawn, or made of its name where many machines must make the same bytes. */
  fileIv(baseName: string): string;
  /** What was uploading before counts as such only where it was packed to the same bytes. */
  filePacked(baseName: string, packed: PackedRow): Promise<void>;
  /** Nothing where the ledger has no such file: one that is only forwarded. */
  fileUploading(baseName: string): Promise<void>;
  /** The same; a file that was due under this name is fulfilled, and other machines on the same archive know of it. */
  fileDelivered(baseName: string, remotePath: string): Promise<void>;

  // ── files that are due ──
  dueFile(name: string): DueFile | undefined;
  /** Oldest first, at most `limit`. */
  dueFiles(filter: DueFileFilter): DueFile[];
  /** Due files that have reached a stage since the last look, each stage told once, at most `limit`. */
  dueAlarms(limit: number): DueAlarm[];

  // ── cards, samples, retention ──
  cards(filter: CardFilter): CardState[];
  readonly samples: Samples;
  readonly purges: Purges;
  /**
   * Deletes the records of cards, or only counts them, in an archive that is on another machine: what `purges` cannot do in the
   * ledger's transaction. A record is needed until its `P` window, and any other that is open over it, has been delivered.
   * @returns how many of each card, 0 for one that has none; a card that is not named keeps its records, and so it stays
   * @throws IovError STORE_FAILED; what has gone by then is gone
   */
  purgeRecords?(iccids: readonly string[], dryRun: boolean): Promise<ReadonlyMap<string, number>>;
  /** Deletes the state there of cards that have been purged here. */
  purgeCards?(): Promise<void>;

  // ── received files ──
  readonly received: Received;

  // ── sources ──
  position(pipeline: string, source: string): Position | undefined;
  positions(pipeline: string, filter: PositionFilter): KnownPosition[];

  // ── for people ──
  status(): StoreStatus;
  /** What the archive holds, where that is more than `status` can tell at once: on another machine. */
  totals?(): Promise<StoreStatus['records']>;
  trace(key: string): TraceStep[] | Promise<TraceStep[]>;
  /** Who sent: requests accepted here, by day, platform, kind and code. Those that were purged since are counted, too. */
  sent(filter: SentFilter): SentRequests[];
  deadLetters(filter?: DeadLetterFilter): DeadLetter[];
  deadLetter(id: number): DeadLetter | undefined;
  deadLetterRetried(id: number): void;

  close(): Promise<void>;
}
