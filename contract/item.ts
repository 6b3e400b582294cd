import type { FilePlan } from './file.js';
import type { Receipt } from './receipt.js';
import type { Effect, FileRow, WindowRow } from './store.js';
import type { Tags } from './tags.js';

/**
 * What is on its way, by shape:
 * - `message`: a JSON object as a peer sent it (tables 1, 5, 7, 10)
 * - `record`: a plain JSON object of a table (8, 11, 12)
 * - `bytes`: ordered records, encoded once ({@link Lines})
 * - `text`: a text file being written, its content a stream ({@link TextFile})
 * - `album`: pictures that become one zip ({@link Album})
 * - `file`: a file complete on disk, packed ({@link PackedFile})
 */
export type Shape = 'message' | 'record' | 'bytes' | 'text' | 'album' | 'file';

export interface Item<Value = unknown> {
  value: Value;
  tags: Tags;
  /** Where it came from, for people: `cards.ndjson:12`, `127.0.0.1 POST /t1/account`. Never personal data. */
  origin: string;
  receipt: Receipt;
  /** What the store must do in the same transaction in which the sink makes the item durable. */
  effects: readonly Effect[];
  /** The item as it came, as JSON text, for the dead letters. */
  raw?: Uint8Array;
  /** Its sender waits for the answer, and sends it again where it is told to. */
  isAwaited?: true;
  /** W3C trace context of whoever sent it, as it came; not to be believed. */
  traceparent?: string;
}

/** A block of ordered, encoded records of one kind and code: one record on its way, or a stretch of the archive. */
export interface Lines {
  readonly count: number;
  /** Bytes that stay in memory while this block waits, and that `read` gives at once; 0 where it fetches them. */
  readonly residentBytes: number;
  /** Bytes of record `index`, without a separator. */
  sizeOf(index: number): number;
  /** Where record `index` stands in its archive or source: rising numbers. */
  positionOf(index: number): number;
  /** Records `from` (included) to `to` (excluded), in order. */
  read(from: number, to: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** The same, each record followed by a newline, in pieces of bounded size; where that is faster than one by one. */
  lines?(from: number, to: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** The window that the block belongs to, as it was opened; absent outside an export. */
  readonly window?: WindowRow;
}

export interface TextFile {
  /** Settles when the last record is in; rejects when the file is given up. */
  readonly plan: Promise<FilePlan>;
  /** Its number in its window, from 1. */
  readonly sequence: number;
  /** What an interrupted run left of this file in the ledger. */
  readonly known: FileRow | undefined;
  /** UTF-8 without BOM, in chunks of bounded size that belong to the reader; pulling it drives the source. */
  readonly content: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** The reader gives a chunk back once it is done with it, so that it is filled again instead of a new one. */
  reuse(chunk: Uint8Array<ArrayBuffer>): void;
  /** Nobody will read the content (the file is packed or delivered already): records pass by without being fetched. */
  discard(): void;
}

/** The pictures of one request or command, which become one zip (notice 6.1.3.2, 6.2.3.2). */
export interface Album {
  readonly plan: FilePlan;
  /** What an interrupted run left of this file in the ledger. */
  readonly known: FileRow | undefined;
  /** In the order of their numbers; read once, one after another. */
  readonly pictures: AsyncIterable<Picture>;
}

export interface Picture {
  /** Its path in the zip: `KH_CMD-7_0002_001.jpg`, below a sub-directory where a command names several cards. */
  name: string;
  /** In chunks of bounded size that belong to the reader. */
  content: AsyncIterable<Uint8Array<ArrayBuffer>>;
}
