import type { Receipt } from './receipt.js';
import type { Effect, FileRow } from './store.js';

/**
 * What is on its way, by shape:
 * - `message`: a JSON object as a peer sent it (tables 1, 5, 7, 10)
 * - `record`: a plain JSON object of a table (8, 11, 12)
 * - `bytes`: ordered records, encoded once ({@link Lines})
 * - `text`: a text file being written, its content a stream ({@link TextFile})
 * - `file`: a file complete on disk, packed ({@link PackedFile})
 */
export type Shape = 'message' | 'record' | 'bytes' | 'text' | 'file';

export type JsonObject = { [field: string]: unknown };

/** What is known about an item besides its value. */
export interface Tags {
  /** Table 1, 5, 7, 10: RequestID. */
  requestId?: string;
  /** The platform that sent this item, once authenticated; absent where it comes from a file or from the state by card. */
  platformId?: string;
  /** Car maker (table 7, 10: Code) or operator. */
  code?: string;
  operType?: string;
  iccid?: string;
  /** SM3 of the decrypted content, to tell a retry from a RequestID used twice. */
  digest?: string;
}

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
}

/** A block of ordered, encoded records of one kind and code: one record on its way, or a stretch of the archive. */
export interface Lines {
  readonly count: number;
  /** Bytes that stay in memory while this block waits; 0 where `read` fetches them. */
  readonly residentBytes: number;
  /** Bytes of record `index`, without a separator. */
  sizeOf(index: number): number;
  /** Where record `index` stands in its archive or source: rising numbers. */
  positionOf(index: number): number;
  /** Records `from` (included) to `to` (excluded), in order. */
  read(from: number, to: number): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
  /** The window that the block belongs to; absent outside an export. */
  readonly window?: WindowKey;
}

/** An export: what was accepted before `cutoff`, since the window before (`P`) or since ever (`F`). Notice 6.2.1.2 a. */
export interface WindowKey {
  kind: 'KH' | 'CL';
  code: string;
  /** YYYYMMDDHH, Asia/Shanghai. */
  cutoff: string;
  type: 'P' | 'F';
}

/** What a text file is called and how it is to be encrypted; known once the file is complete (its name says `end`). */
export interface FilePlan {
  /** Without an extension: `KH_0002_2022111600_P_000003end`. */
  baseName: string;
  window: WindowKey;
  sequence: number;
  records: number;
  textBytes: number;
  /** 32 hex digits, drawn once and kept in the ledger, so that packing again gives the same bytes. */
  iv: string;
  /** Time stamped into the zip: a function of the window. */
  mtimeMs: number;
  /** What the ledger knew when the plan was made. */
  state: FileState;
}

export type FileState = 'planned' | 'packed' | 'uploading' | 'delivered';

export interface TextFile {
  /** Settles when the last record is in; rejects when the file is given up. */
  readonly plan: Promise<FilePlan>;
  /** What an interrupted run left of this file in the ledger. */
  readonly known: FileRow | undefined;
  /** UTF-8 without BOM, in chunks of bounded size that belong to the reader; pulling it drives the source. */
  readonly content: AsyncIterable<Uint8Array<ArrayBuffer>>;
  /** The reader gives a chunk back once it is done with it, so that it is filled again instead of a new one. */
  reuse(chunk: Uint8Array<ArrayBuffer>): void;
  /** Nobody will read the content (the file is packed or delivered already): records pass by without being fetched. */
  discard(): void;
}

export interface PackedFile {
  /** The name it has, or will have, at the receiver: `KH_0002_2022111600_P_000001.bin`. */
  name: string;
  path: string;
  bytes: number;
  /** SM3 of the file as it stands on the disk, hex. */
  sm3: string;
  /** Absent for a received file. */
  plan?: FilePlan;
}
