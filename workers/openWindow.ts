import type { Context } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { FilePlan, WindowKey } from '../contract/file.js';
import type { Item, Lines } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { WindowRow } from '../contract/store.js';
import { batchName } from '../notice/batch.js';
import { cutoffMs } from '../notice/cutoff.js';
import { OpenFile } from './openFile.js';
import { type Format, TextContent, textBytes } from './textContent.js';

const SEQUENCE_MAX = 999_999;

/** What decides where a window's files are cut; fixed in the ledger when the window is first written. */
export interface Cut {
  bytesMax: number;
  format: Format;
}

/** A window while its files are written, one at a time. */
export class OpenWindow {
  readonly key: WindowKey;
  /** Of the first of its files that has not arrived. */
  failure: IovError | undefined;
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
    // one record is in one file, so that its receipt goes there as it is: there are many of them, where no archive has blocks
    const share = block.count === 1 && !block.window ? undefined : item.receipt.share();
    const part = () => share?.part() ?? item.receipt;
    // before anything is refused: a window of which nothing is left has its empty file, and is not delivered before that
    if (!this.#file) started.push(this.#begin());
    if (share) this.#file?.receipts.push(share.part());
    for (let from = 0; from < block.count; ) {
      if (this.#tooLarge(block, from)) {
        this.#refuse(item, block, from, part());
        from += 1;
        continue;
      }
      if (this.#file && !this.#fits(this.#file, block.sizeOf(from))) this.#finish(false);
      if (!this.#file) started.push(this.#begin());
      const file = this.#file as OpenFile | undefined;
      if (!file) break;
      const to = this.#fittingEnd(file, block, from);
      file.append(block, from, to, this.#positionAfter(block, from, to));
      file.receipts.push(part());
      from = to;
    }
    share?.close();
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
    return textBytes(this.#cut.format, block.sizeOf(index)) > this.#cut.bytesMax;
  }

  /** A single record above the bound is a dead letter, never cut; the window goes on without it. */
  #refuse(item: Item, block: Lines, index: number, receipt: Receipt): void {
    const size = block.sizeOf(index);
    const reason = `a record of ${size} bytes does not fit into a file of ${this.#cut.bytesMax} bytes (bytesMax)`;
    const origin = block.count === 1 ? item.origin : `${item.origin}, position ${block.positionOf(index)}`;
    const letter = { pipeline: this.#context.pipeline, origin, code: 'MESSAGE_TOO_LARGE', reason, tags: item.tags };
    this.#context.log.warn({ origin, bytes: size }, reason);
    this.#context.store.commit([(transaction) => transaction.addDeadLetter(letter)]).then(
      () => receipt.arrived(),
      (thrown: unknown) => receipt.failed(IovError.from(thrown)),
    );
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
    const file = new OpenFile(content, this.#sequence, known);
    file.receipts.push(
      new Receipt((error) => {
        this.failure ??= error;
      }),
    );
    this.#file = file;
    const origin = `${this.#context.pipeline} ${this.#baseName(false)}`;
    return { value: file, tags: { code: this.key.code }, origin, receipt: file.receipt, effects: [] };
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
        iv: this.#context.store.fileIv(baseName),
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
