import { randomBytes } from 'node:crypto';
import { Type } from 'typebox';
import { defineOperator, type Kernel } from '../contract/component.js';
import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { FilePlan, Item, Lines, TextFile, WindowKey } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { FileRow, WindowRow } from '../contract/store.js';
import { cutoffMs, cutoffOf } from '../notice/cutoff.js';
import { batchName, windowOfTemplate } from '../notice/batch.js';
import { type Format, TextContent } from '../workers/textContent.js';

const SEQUENCE_MAX = 999_999;

export const spec = defineOperator({
  name: 'split',
  summary: 'Writes ordered records into numbered text files of bounded size, never cutting a record.',
  description:
    'Sequence numbers rise from 000001 without a gap for each kind, code, cut-off and F or P; the last file says `end`, and an empty window gives one empty `000001end`. A record above `bytesMax` is a dead letter. The plan stays in the ledger: an interrupted export resumes to the same files, whatever has been configured since.',
  sections: ['6.2.1.2', '6.2.2.2'],
  takes: ['bytes'],
  gives: 'text',
  options: Type.Object(
    {
      bytesMax: Type.Integer({
        default: 100_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Greatest size of a text file before compression, separators included.',
      }),
      name: Type.String({
        description:
          'File name without an extension: `KH_{code}_{cutoff}_P_{seq}`. Without an archive before it the code is written out: `KH_0002_{cutoff}_F_{seq}`.',
      }),
      format: Type.Union([Type.Literal('lines'), Type.Literal('array')], {
        default: 'lines',
        description: '`lines`: one JSON object a line. `array`: one JSON array.',
      }),
      residentBytesMax: Type.Integer({
        default: 4_000_000,
        minimum: 1_000,
        maximum: 100_000_000,
        description: 'Records that may wait in memory for the zip, in bytes; above it the source waits.',
      }),
    },
    { additionalProperties: false },
  ),
  examples: [
    { title: 'Daily files of an archive', yaml: 'name: "KH_{code}_{cutoff}_P_{seq}"' },
    { title: 'First files of a backfill', yaml: 'name: "KH_0002_{cutoff}_F_{seq}"\nbytesMax: 50_000_000' },
  ],
  create: (options, context) => new Split(options, context),
});

interface Options {
  bytesMax: number;
  name: string;
  format: Format;
  residentBytesMax: number;
}

/** What decides where a window's files are cut; fixed in the ledger when the window is first written. */
type Cut = Pick<Options, 'bytesMax' | 'format'>;

class Split implements Kernel {
  readonly #options: Options;
  readonly #context: Context;
  #window: OpenWindow | undefined;
  readonly #direct = new Set<number>();

  constructor(options: Options, context: Context) {
    this.#options = options;
    this.#context = context;
  }

  transform(item: Item): Iterable<Item> | Promise<Iterable<Item>> {
    const block = item.value as Lines;
    const window = this.#windowOf(block);
    const started = window.add(item, block);
    const ready = window.ready;
    return ready ? ready.then(() => started) : started;
  }

  flush(): Iterable<Item> {
    if (!this.#window && !this.#isArchived()) this.#window = this.#open(this.#directKey());
    const started = this.#window?.end() ?? [];
    this.#window = undefined;
    return started;
  }

  close(error?: IovError): void {
    this.#window?.abandon(error ?? new IovError('STOPPED', `${this.#context.place}: stopped before the file was complete`));
    this.#window = undefined;
    if (error) return;
    // the archive source closes its own windows; one without an archive is delivered when the run has gone well
    for (const id of this.#direct) this.#context.store.windowDelivered(id);
  }

  /** The window of a block; blocks come grouped by code, so that another one ends the window before. */
  #windowOf(block: Lines): OpenWindow {
    const key = block.window ?? this.#window?.key ?? this.#directKey();
    if (this.#window && sameWindow(this.#window.key, key)) return this.#window;
    this.#window?.end();
    this.#window = this.#open(key);
    return this.#window;
  }

  #isArchived(): boolean {
    return this.#options.name.includes('{code}');
  }

  /** Without an archive the window is the one that an interrupted run left open, or a new one that ends now. */
  #directKey(): WindowKey {
    const { run, store, pipeline, place } = this.#context;
    if (!run) throw new IovError('CONFIG_INVALID', `${place}: split needs a source that ends, or a window of the archive`);
    const cutoff = run.cutoff ?? store.openWindows(pipeline)[0]?.cutoff ?? cutoffOf(run.atMs);
    return windowOfTemplate(this.#options.name, { cutoff });
  }

  #open(key: WindowKey): OpenWindow {
    const { store, pipeline } = this.#context;
    const row = this.#isArchived()
      ? store.openWindow(key, cutoffMs(key.cutoff), pipeline)
      : store.openDirectWindow(key, pipeline);
    if (!this.#isArchived()) this.#direct.add(row.id);
    const wanted: Cut = { bytesMax: this.#options.bytesMax, format: this.#options.format };
    if (!row.options) store.setWindowOptions(row.id, JSON.stringify(wanted));
    const cut = row.options ? (JSON.parse(row.options) as Cut) : wanted;
    return new OpenWindow(key, row, cut, this.#options.residentBytesMax, this.#context);
  }
}

/** A window while its files are written, one at a time. */
class OpenWindow {
  readonly key: WindowKey;
  readonly #row: WindowRow;
  readonly #cut: Cut;
  readonly #residentBytesMax: number;
  readonly #context: Context;
  #sequence = 0;
  #position = 0;
  #file: OpenFile | undefined;

  constructor(key: WindowKey, row: WindowRow, cut: Cut, residentBytesMax: number, context: Context) {
    this.key = key;
    this.#row = row;
    this.#cut = cut;
    this.#residentBytesMax = residentBytesMax;
    this.#context = context;
  }

  get ready(): Promise<void> | undefined {
    return this.#file?.content.ready;
  }

  /** Adds a block's records; gives the files that began with them. */
  add(item: Item, block: Lines): Item[] {
    const started: Item[] = [];
    const share = item.receipt.share();
    if (block.count === 0 && !this.#file) started.push(this.#begin());
    if (block.count === 0) this.#file?.receipts.push(share.part());
    for (let from = 0; from < block.count; ) {
      if (this.#tooLarge(block, from)) {
        this.#refuse(item, block, from, share.part());
        from += 1;
        continue;
      }
      if (this.#file && !this.#fits(this.#file, block.sizeOf(from))) this.#finish(false);
      if (!this.#file) started.push(this.#begin());
      const file = this.#file as OpenFile | undefined;
      if (!file) break;
      const to = this.#fittingEnd(file, block, from);
      file.append(block, from, to, this.#positionAfter(block, from, to));
      file.receipts.push(share.part());
      from = to;
    }
    share.close();
    return started;
  }

  /** The last file gets its name; a window without one gets an empty file. */
  end(): Item[] {
    const started = this.#file ? [] : [this.#begin()];
    this.#finish(true);
    return started;
  }

  abandon(error: IovError): void {
    this.#file?.abandon(error);
  }

  #fits(file: OpenFile, recordBytes: number): boolean {
    return file.content.bytes + file.content.growth(recordBytes) <= this.#cut.bytesMax;
  }

  #fittingEnd(file: OpenFile, block: Lines, from: number): number {
    let bytes = file.content.bytes;
    let to = from;
    while (to < block.count) {
      bytes += file.content.growth(block.sizeOf(to));
      if (bytes > this.#cut.bytesMax) break;
      to += 1;
    }
    return Math.max(to, from + 1);
  }

  #tooLarge(block: Lines, index: number): boolean {
    const alone = new TextContent(this.#cut.format, 0);
    return alone.bytes + alone.growth(block.sizeOf(index)) > this.#cut.bytesMax;
  }

  /** A single record above the bound is a dead letter, never cut; the window goes on without it. */
  #refuse(item: Item, block: Lines, index: number, receipt: Receipt): void {
    const size = block.sizeOf(index);
    const reason = `a record of ${size} bytes does not fit into a file of ${this.#cut.bytesMax} bytes (bytesMax)`;
    const origin = block.count === 1 ? item.origin : `${item.origin}, position ${block.positionOf(index)}`;
    const letter = { pipeline: this.#context.pipeline, origin, code: 'MESSAGE_TOO_LARGE', reason, tags: item.tags };
    this.#context.log.warn({ origin, bytes: size }, reason);
    this.#context.store
      .commit([(transaction) => transaction.addDeadLetter(letter)])
      .then(() => receipt.arrived(), (thrown: unknown) => receipt.failed(IovError.from(thrown)));
  }

  /** Records of an archive bear its positions; others are counted. */
  #positionAfter(block: Lines, from: number, to: number): [number, number] {
    if (block.window) return [block.positionOf(from), block.positionOf(to - 1)];
    this.#position += to - from;
    return [this.#position - (to - from) + 1, this.#position];
  }

  #begin(): Item {
    this.#sequence += 1;
    if (this.#sequence > SEQUENCE_MAX) {
      throw new IovError('SEQUENCE_EXHAUSTED', `${this.#context.place}: more than ${SEQUENCE_MAX} files in one window`);
    }
    const { store } = this.#context;
    const known = store.file(this.#baseName(false)) ?? store.file(this.#baseName(true));
    const content = new TextContent(this.#cut.format, this.#residentBytesMax);
    this.#file = new OpenFile(content, this.#sequence, known);
    const origin = `${this.#context.pipeline} ${this.#baseName(false)}`;
    return { value: this.#file, tags: { code: this.key.code }, origin, receipt: this.#file.receipt, effects: [] };
  }

  #baseName(end: boolean): string {
    return batchName(this.key, this.#sequence, end);
  }

  #finish(end: boolean): void {
    const file = this.#file;
    if (!file) return;
    this.#file = undefined;
    try {
      file.finish(this.#plan(file, end));
    } catch (thrown) {
      file.abandon(IovError.from(thrown));
    }
  }

  #plan(file: OpenFile, end: boolean): FilePlan {
    const baseName = batchName(this.key, file.sequence, end);
    const { records, bytes } = file.content;
    const row = this.#context.store.planFile({
      windowId: this.#row.id,
      plan: {
        baseName,
        window: this.key,
        sequence: file.sequence,
        records,
        textBytes: bytes,
        iv: randomBytes(16).toString('hex'),
        mtimeMs: cutoffMs(this.key.cutoff),
        state: 'planned',
      },
      fromPosition: file.positions[0],
      toPosition: file.positions[1],
    });
    const before = file.known?.plan ?? row.plan;
    if (before.baseName !== baseName || row.plan.records !== records || row.plan.textBytes !== bytes) {
      throw new IovError(
        'WINDOW_CONFLICT',
        `${baseName}: the ledger has ${before.baseName} with ${before.records} records and ${before.textBytes} bytes from an earlier run, but the source now gives ${records} records and ${bytes} bytes; a window's content must not change`,
      );
    }
    return { ...row.plan, state: row.state };
  }
}

/** A text file while records go into it. */
class OpenFile implements TextFile {
  readonly plan: Promise<FilePlan>;
  readonly content: TextContent;
  readonly sequence: number;
  readonly known: FileRow | undefined;
  readonly receipts: Receipt[] = [];
  readonly receipt: Receipt;
  positions: [number, number] = [0, 0];
  #resolve!: (plan: FilePlan) => void;
  #reject!: (error: Error) => void;

  constructor(content: TextContent, sequence: number, known: FileRow | undefined) {
    this.content = content;
    this.sequence = sequence;
    this.known = known;
    this.plan = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.plan.catch(() => undefined); // who waits for it learns of it; nobody may be waiting yet
    // joined when it settles, since parts are still added
    this.receipt = new Receipt((error) => {
      const whole = Receipt.join(this.receipts);
      if (error) whole.failed(error);
      else whole.arrived();
    });
  }

  append(block: Lines, from: number, to: number, [first, last]: [number, number]): void {
    this.content.append(block, from, to);
    this.positions = [this.positions[0] || first, last];
  }

  discard(): void {
    this.content.discard();
  }

  finish(plan: FilePlan): void {
    this.#resolve(plan);
    this.content.close();
  }

  abandon(error: IovError): void {
    this.#reject(error);
    this.content.abandon(error);
  }
}

const sameWindow = (one: WindowKey, other: WindowKey) =>
  one.kind === other.kind && one.code === other.code && one.cutoff === other.cutoff && one.type === other.type;
