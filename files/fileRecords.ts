import { basename } from 'node:path';
import type { Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { Effect, NewDeadLetter, Position, Transaction } from '../contract/store.js';
import { type JsonObject, tagsIn } from '../contract/tags.js';
import { toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';
import type { ListColumns } from './csv.js';
import { fingerprintOf } from './open.js';
import { Progress, type Step } from './progress.js';
import type { Row, Start } from './rows.js';
import type { RowFormat } from './rowsOf.js';

export interface RecordOptions {
  format?: RowFormat;
  as: 'record' | 'message';
  lists: ListColumns;
  lineBytesMax: number;
  resume: boolean;
  inFlightMax: number;
  positionEvery: number;
}

/** Where reading would go on in a file that holds nothing more: beyond any end, so that it need not be opened to find out. */
const END = Number.MAX_SAFE_INTEGER;

/** Whether a file has been read to its end, as it was then. */
export const isReadWhole = (position: Position | undefined, fingerprint: string): boolean =>
  position?.offset === END && position.fingerprint === fingerprint;

/** The records of one file, in order; how far they have been handled stands in the ledger. */
export class FileRecords implements Source {
  /** As it is told. */
  readonly name: string;
  readonly #options: RecordOptions;
  readonly #context: Context;
  /** As the pipeline file names it, which is how the ledger knows it. */
  readonly #key: string;
  readonly #path: string;
  readonly #noting = new Set<Promise<void>>();
  #fingerprint = '';
  #start: Start = { offset: 0, line: 0 };
  #progress = new Progress(this.#start);
  #failure: IovError | undefined;
  #hasChanged = false;
  #isFinished = false;
  #closed = false;
  #refusing = 0;
  #wake: (() => void) | undefined;
  /** For every line whose place is not noted: a file that is being written keeps the receipts of all of its records. */
  readonly #unnoted = (error?: IovError) => this.#settled(undefined, error);

  /** @param path relative to the pipeline file */
  constructor(path: string, options: RecordOptions, context: Context) {
    this.#key = path;
    this.#options = options;
    this.#context = context;
    this.#path = context.resolve(path);
    this.name = toldName(path, maskNumbers(basename(path)));
  }

  /** What failed for now: the run breaks with it, and begins again with what it was about. */
  get failure(): IovError | undefined {
    return this.#failure;
  }

  async open(): Promise<void> {
    const { pipeline, log } = this.#context;
    this.#fingerprint = await fingerprintOf(this.#path);
    const known = this.#options.resume ? this.#known() : undefined;
    if (!known) return;
    this.#start = { offset: known.offset, line: known.line };
    this.#progress = new Progress(this.#start);
    log.info({ pipeline, file: this.name, line: known.line }, 'reading goes on after this line');
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    if (this.#start.offset === END) return;
    const { formatOf, rowsOf } = await import('./rowsOf.js');
    const { format = formatOf(this.#path), resume } = this.#options;
    for await (const rows of rowsOf(this.#path, format, this.#start, this.#options)) {
      for (const row of rows) {
        while (this.#isFull()) await this.#nextSettled();
        if (this.#failure) throw this.#failure;
        if (this.#closed || (signal.aborted && resume)) return;
        if (signal.aborted) throw new IovError('STOPPED', `${this.name}: stopped at line ${row.line}`);
        if (row.value) yield this.#item(row, row.value);
        else this.#refuse(row);
      }
    }
    if ((await fingerprintOf(this.#path).catch(() => '')) === this.#fingerprint) return;
    this.#hasChanged = true;
    this.#context.log.warn({ file: this.name }, 'the file changed while it was read; it will be read anew');
  }

  /**
   * Resolves when all that was read of it has been handled, or `stop` has come.
   * @throws IovError what failed for now
   */
  async settled(stop: AbortSignal): Promise<void> {
    const wake = () => this.#wake?.();
    stop.addEventListener('abort', wake, { once: true });
    const isUnderWay = () => this.#progress.underWay > 0 || this.#refusing > 0;
    while (isUnderWay() && !this.#failure && !this.#closed && !stop.aborted) await this.#nextSettled();
    stop.removeEventListener('abort', wake);
    if (this.#failure) throw this.#failure;
  }

  /**
   * Notes that nothing of it is left, once all has been handled; one that changed while it was read comes anew.
   * @param problem why its rest cannot be read, however often it is tried
   */
  async finish(problem?: IovError): Promise<void> {
    const { pipeline, log } = this.#context;
    if (this.#hasChanged) return;
    if (problem) log.warn({ pipeline, origin: this.name, code: problem.code }, problem.message);
    this.#isFinished = true;
    await this.#commit((transaction) => {
      if (problem) transaction.addDeadLetter(letterOf(problem, pipeline, this.name));
      this.#store(transaction);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    if (this.#options.resume && this.#fingerprint !== '' && !this.#isFinished) this.#notePosition();
    await Promise.all(this.#noting); // and with it everything that was queued before: the next run finds all of it done
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  #item(row: Row, value: JsonObject): Item<JsonObject> {
    const origin = `${this.name}:${row.line}`;
    const step = this.#options.resume ? this.#progress.begin(row.next) : undefined;
    const receipt = new Receipt(step ? (error) => this.#settled(step, error) : this.#unnoted);
    const effects: Effect[] = step ? [(transaction) => transaction.afterwards((last) => this.#store(last, step))] : [];
    return { value, tags: tagsIn(value), origin, receipt, effects, ...(row.raw && { raw: row.raw }) };
  }

  #settled(step: Step | undefined, error: IovError | undefined): void {
    // what may go well later is not handled: the run stops, and begins again with it
    if (error?.retryable) this.#failure ??= error;
    else if (step) this.#progress.finish(step);
    if (this.#progress.behind >= this.#options.positionEvery && this.#noting.size === 0) this.#notePosition();
    this.#wake?.();
  }

  /** A row that is no record: a dead letter, written here since no item comes of it. */
  #refuse({ line, next, problem, raw }: Row): void {
    const { pipeline, log } = this.#context;
    const step = this.#options.resume ? this.#progress.begin(next) : undefined;
    const error = problem ?? new IovError('INTERNAL', 'a row with neither value nor problem');
    const origin = `${this.name}:${line}`;
    log.warn({ pipeline, origin, code: error.code }, error.message);
    const letter = { ...letterOf(error, pipeline, origin), ...(raw && { raw }) };
    const settled = (failure?: IovError) => {
      this.#refusing -= 1;
      this.#settled(step, failure);
    };
    this.#refusing += 1;
    this.#commit((transaction) => {
      transaction.addDeadLetter(letter);
      if (step) this.#store(transaction, step);
    }).then(
      () => settled(),
      (thrown: unknown) => settled(IovError.from(thrown)),
    );
  }

  #notePosition(): void {
    this.#commit((transaction) => this.#store(transaction)).catch((thrown: unknown) => {
      this.#context.log.warn({ file: this.name }, `the position was not stored: ${IovError.from(thrown).message}`);
    });
  }

  #commit(effect: Effect): Promise<void> {
    const committed = this.#context.store.commit([effect]);
    const noted = committed.catch(() => undefined).finally(() => this.#noting.delete(noted));
    this.#noting.add(noted);
    return committed;
  }

  /** How far the file, as it is, has come by the ledger. */
  #known(): Position | undefined {
    const { store, pipeline } = this.#context;
    const known = store.position(pipeline, this.#key);
    return known?.fingerprint === this.#fingerprint ? known : undefined;
  }

  #store(transaction: Transaction, step?: Step): void {
    // a line that failed for now is read again, and with it all after it: none of those may be stored before
    if (step && (this.#failure || this.#closed))
      throw new IovError('STOPPED', `${this.name}: a line before this one has not been stored`);
    const reached = this.#progress.reachedIn(transaction, () => this.#known()?.line ?? 0, step);
    const position = {
      line: reached.line,
      offset: this.#isFinished ? END : reached.offset,
      fingerprint: this.#fingerprint,
    };
    transaction.setPosition(this.#context.pipeline, this.#key, position);
  }

  /** Too many lines on their way. Without `resume` the chain alone pushes back, and only spoiled lines are counted. */
  #isFull(): boolean {
    if (this.#closed || this.#failure) return false;
    return Math.max(this.#progress.underWay, this.#refusing) >= this.#options.inFlightMax;
  }

  #nextSettled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

const letterOf = ({ code, message }: IovError, pipeline: string, origin: string): NewDeadLetter => ({
  pipeline,
  origin,
  code,
  reason: message,
  tags: {},
});
