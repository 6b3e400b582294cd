import { basename } from 'node:path';
import { Type } from 'typebox';
import { defineSource, type Source } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { Effect, Transaction } from '../contract/store.js';
import { type JsonObject, tagsIn } from '../contract/tags.js';
import type { ListColumns } from '../files/csv.js';
import { fingerprintOf } from '../files/open.js';
import { Progress, type Step } from '../files/progress.js';
import type { Row, Start } from '../files/rows.js';
import type { RowFormat } from '../files/rowsOf.js';
import { toldName } from '../notice/fileName.js';
import { maskNumbers } from '../notice/mask.js';

export const spec = defineSource({
  name: 'file',
  summary: 'Reads records from a file: line JSON, a JSON array, or CSV; packed by gzip too.',
  description:
    'A spoiled line goes to the dead letters with its number and the rest goes on. After a stop or a crash reading goes on after the last line that was handled; a file whose size or time has changed is read anew. Before `split`, set `resume: false`: its files are all or nothing, so that an interrupted run begins anew and finds in the ledger what has been delivered.',
  gives: 'record',
  givesFor: ({ as }) => as,
  failuresGoTo: 'deadLetters',
  lasts: 'finite',
  options: Type.Object(
    {
      path: Type.String({
        minLength: 1,
        description: 'The file, relative to the pipeline file.',
        examples: ['cards.ndjson.gz'],
      }),
      format: Type.Optional(
        Type.Union([Type.Literal('lines'), Type.Literal('array'), Type.Literal('csv')], {
          description:
            '`lines`: one JSON object a line. `array`: one JSON array of objects. `csv`: with a header. By default as the name says: `.json` array, `.csv` csv, else lines.',
        }),
      ),
      as: Type.Union([Type.Literal('record'), Type.Literal('message')], {
        default: 'record',
        description: 'What a line is: a plain record (table 8, 11, 12), or a message (table 7, 10).',
      }),
      lists: Type.Record(Type.String(), Type.String({ minLength: 1 }), {
        default: {},
        description: 'CSV columns that hold lists, with what separates their entries.',
        examples: [{ ServiceType: '|' }],
      }),
      lineBytesMax: Type.Integer({
        default: 1_048_576,
        minimum: 100,
        maximum: 100_000_000,
        description: 'Greatest size of a line or element; a larger one is a dead letter, and is never held in memory.',
      }),
      resume: Type.Boolean({ default: true, description: 'Go on where an earlier run stopped.' }),
      inFlightMax: Type.Integer({
        default: 10_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'With `resume`: lines that may be on their way at once.',
      }),
      positionEvery: Type.Integer({
        default: 1_000,
        minimum: 1,
        maximum: 1_000_000,
        description: 'With `resume`: lines after which the position is stored where no sink stores it with them.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'The operator’s card data', yaml: 'path: cards.ndjson' },
    { title: 'CSV of old cards, lists by bars', yaml: 'path: old-cards.csv.gz\nlists: { ServiceType: "|" }' },
    { title: 'All records at once, before split', yaml: 'path: records.ndjson\nresume: false' },
  ],
  create: (options, context) => new FileSource(options, context),
});

interface Options {
  path: string;
  format?: RowFormat;
  as: 'record' | 'message';
  lists: ListColumns;
  lineBytesMax: number;
  resume: boolean;
  inFlightMax: number;
  positionEvery: number;
}

class FileSource implements Source {
  readonly #options: Options;
  readonly #context: Context;
  readonly #path: string;
  /** As it is told. */
  readonly #name: string;
  readonly #noting = new Set<Promise<void>>();
  #fingerprint = '';
  #start: Start = { offset: 0, line: 0 };
  #progress = new Progress(this.#start);
  #failure: IovError | undefined;
  #closed = false;
  #refusing = 0;
  #wake: (() => void) | undefined;

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
    this.#path = context.resolve(options.path);
    this.#name = toldName(options.path, maskNumbers(basename(options.path)));
  }

  async open(): Promise<void> {
    const { store, pipeline, log } = this.#context;
    this.#fingerprint = await fingerprintOf(this.#path);
    const known = this.#options.resume ? store.position(pipeline, this.#options.path) : undefined;
    if (known?.fingerprint !== this.#fingerprint) return;
    this.#start = { offset: known.offset, line: known.line };
    this.#progress = new Progress(this.#start);
    log.info({ pipeline, file: this.#name, line: known.line }, 'reading goes on after this line');
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const { formatOf, rowsOf } = await import('../files/rowsOf.js');
    const { format = formatOf(this.#path), resume } = this.#options;
    for await (const rows of rowsOf(this.#path, format, this.#start, this.#options)) {
      for (const row of rows) {
        while (this.#isFull()) await this.#nextSettled();
        if (this.#failure) throw this.#failure;
        if (this.#closed || (signal.aborted && resume)) return;
        if (signal.aborted) throw new IovError('STOPPED', `${this.#name}: stopped at line ${row.line}`);
        if (row.value) yield this.#item(row, row.value);
        else this.#refuse(row);
      }
    }
    if ((await fingerprintOf(this.#path).catch(() => '')) === this.#fingerprint) return;
    this.#context.log.warn({ file: this.#name }, 'the file changed while it was read; it will be read anew');
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    if (this.#options.resume && this.#fingerprint !== '') this.#notePosition();
    await Promise.all(this.#noting); // and with it everything that was queued before: the next run finds all of it done
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  #item(row: Row, value: JsonObject): Item<JsonObject> {
    const origin = `${this.#name}:${row.line}`;
    const step = this.#options.resume ? this.#progress.begin(row.next) : undefined;
    const receipt = new Receipt((error) => this.#settled(step, error));
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
    const origin = `${this.#name}:${line}`;
    log.warn({ pipeline, origin, code: error.code }, error.message);
    const letter = { pipeline, origin, code: error.code, reason: error.message, tags: {}, ...(raw && { raw }) };
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
      this.#context.log.warn({ file: this.#name }, `the position was not stored: ${IovError.from(thrown).message}`);
    });
  }

  #commit(effect: Effect): Promise<void> {
    const committed = this.#context.store.commit([effect]);
    const noted = committed.catch(() => undefined).finally(() => this.#noting.delete(noted));
    this.#noting.add(noted);
    return committed;
  }

  #store(transaction: Transaction, step?: Step): void {
    // a line that failed for now is read again, and with it all after it: none of those may be stored before
    if (step && (this.#failure || this.#closed))
      throw new IovError('STOPPED', `${this.#name}: a line before this one has not been stored`);
    const position = { ...this.#progress.reachedIn(transaction, step), fingerprint: this.#fingerprint };
    transaction.setPosition(this.#context.pipeline, this.#options.path, position);
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
