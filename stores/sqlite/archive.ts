import { IovError } from '../../contract/error.js';
import type { NewRecord, StoreStatus, Stretch, WindowRow } from '../../contract/store.js';
import { rangesOf } from '../ranges.js';
import { storedKind } from '../storedKind.js';
import { type Database, guarded, type Statement } from './database.js';
import { Tally } from './tally.js';

/** So much is read at a time, and one more record: between two reads others may write. Half of it would cost a tenth more. */
const READ_BYTES = 512 * 1024;

/** The records: appended in order of acceptance, read by window. */
export class Archive {
  /** Records and bytes by kind and code. */
  readonly tally: Tally<[kind: string, code: string]>;
  readonly #append: Statement;
  readonly #codes: Statement<string>;
  readonly #sizes: Statement<[seq: number, size: number]>;
  readonly #joined: Statement<Buffer | null>;
  readonly #lines: Statement<Buffer | null>;
  readonly #last: Statement<number>;
  readonly #firstFrom: Statement<[seq: number, acceptedAt: number]>;
  readonly #inRange: Statement<number>;
  readonly #totals: Statement<StoreStatus['records'][number]>;

  constructor(database: Database) {
    this.#append = database.prepare(
      `INSERT INTO records (kind, code, iccid, request_id, platform_id, size, accepted_at, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    const count = database.prepare(
      `INSERT INTO totals VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET records = records + excluded.records, bytes = bytes + excluded.bytes,
         last_accepted_at = excluded.last_accepted_at`,
    );
    this.tally = new Tally((key, rise) => count.run(...key, rise.count, rise.bytes, rise.at, rise.at));
    this.#codes = database
      .prepare<unknown[], string>('SELECT code FROM totals WHERE kind = ? AND first_accepted_at < ? ORDER BY code')
      .pluck();
    const inWindow = 'INDEXED BY records_by_window WHERE kind = ? AND code = ? AND seq > ? AND seq <= ?';
    this.#sizes = database
      .prepare<unknown[], [number, number]>(`SELECT seq, size FROM records ${inWindow} ORDER BY seq LIMIT ?`)
      .raw();
    // one value for many records: a buffer made for each of them takes longer than reading it
    this.#joined = database
      .prepare<unknown[], Buffer | null>(
        `SELECT CAST(group_concat(bytes, '') AS BLOB) FROM (SELECT bytes FROM records ${inWindow} ORDER BY seq)`,
      )
      .pluck();
    this.#lines = database
      .prepare<unknown[], Buffer | null>(
        `SELECT CAST(group_concat(bytes, char(10)) || char(10) AS BLOB) FROM (SELECT bytes FROM records ${inWindow} ORDER BY seq)`,
      )
      .pluck();
    this.#inRange = database.prepare<unknown[], number>(`SELECT count(*) FROM records ${inWindow}`).pluck();
    this.#last = database.prepare<unknown[], number>('SELECT coalesce(max(seq), 0) FROM records').pluck();
    this.#firstFrom = database
      .prepare<unknown[], [number, number]>('SELECT seq, accepted_at FROM records WHERE seq >= ? ORDER BY seq LIMIT 1')
      .raw();
    this.#totals = database.prepare(
      'SELECT kind, code, records AS count, bytes, last_accepted_at AS lastAcceptedAt FROM totals ORDER BY kind, code',
    );
  }

  append(record: NewRecord, acceptedAt: number): number {
    const { code, iccid, requestId, platformId, bytes } = record;
    const kind = storedKind(record);
    const size = bytes.byteLength;
    const { lastInsertRowid } = this.#append.run(kind, code, iccid, requestId, platformId, size, acceptedAt, bytes);
    this.tally.raise([kind, code], size, acceptedAt);
    return Number(lastInsertRowid);
  }

  /** Codes with at least one record accepted before that time. */
  codes(kind: 'KH' | 'CL', cutoffMs: number): string[] {
    return this.#codes.all(kind, cutoffMs);
  }

  /** The position of the last record accepted before that time, of whatever kind; 0 where there is none. */
  lastBefore(cutoffMs: number): number {
    // accepted_at never falls as seq rises, so halving the range needs no index on it
    let before = 0;
    let notBefore = (this.#last.get() ?? 0) + 1;
    while (notBefore - before > 1) {
      const middle = Math.floor((before + notBefore) / 2);
      const [seq, acceptedAt] = this.#firstFrom.get(middle) ?? [notBefore, cutoffMs];
      if (acceptedAt < cutoffMs) before = seq;
      else notBefore = middle;
    }
    return before;
  }

  recordsBetween(kind: string, code: string, fromPosition: number, toPosition: number): number {
    return this.#inRange.get(kind, code, fromPosition, toPosition) ?? 0;
  }

  totals(): StoreStatus['records'] {
    return this.#totals.all();
  }

  *stretches({ kind, code, fromPosition, toPosition }: WindowRow, recordsMax: number): Generator<Stretch> {
    let from = fromPosition;
    for (;;) {
      const rows = guarded('planning a window', () => this.#sizes.all(kind, code, from, toPosition, recordsMax));
      const last = rows.at(-1);
      if (!last) return;
      yield { positions: Float64Array.from(rows, ([seq]) => seq), sizes: Uint32Array.from(rows, ([, size]) => size) };
      from = last[0];
    }
  }

  /** Records with `fromPosition < position <= toPosition`. */
  *records(window: WindowRow, fromPosition: number, toPosition: number): Generator<Uint8Array> {
    let from = Math.max(fromPosition, window.fromPosition);
    const to = Math.min(toPosition, window.toPosition);
    while (from < to) {
      const { sizes, bytes, upTo } = guarded('reading records', () => this.#someRecords(window, from, to));
      let offset = 0;
      for (const size of sizes) {
        yield bytes.subarray(offset, offset + size);
        offset += size;
      }
      from = upTo;
    }
  }

  /** Records of a stretch, each followed by a newline, about `READ_BYTES` at a time: nothing is made for a single record. */
  *lines({ kind, code }: WindowRow, stretch: Stretch, from: number, to: number): Generator<Uint8Array> {
    for (const { first, last, bytes } of rangesOf(stretch, from, to, READ_BYTES)) {
      const piece = guarded('reading records', () => this.#lines.get(kind, code, first - 1, last)) ?? new Uint8Array();
      if (piece.length !== bytes)
        throw new IovError('STORE_FAILED', `the archive has ${piece.length} bytes where its index says ${bytes}`);
      yield piece;
    }
  }

  /** About `READ_BYTES` of records, sized up in the index first; fewer statements and no cursor that stays open. */
  #someRecords(
    { kind, code }: WindowRow,
    from: number,
    to: number,
  ): { sizes: number[]; bytes: Uint8Array; upTo: number } {
    const sizes: number[] = [];
    let total = 0;
    let upTo = to;
    for (const [seq, size] of this.#sizes.iterate(kind, code, from, to, -1)) {
      sizes.push(size);
      total += size;
      upTo = seq;
      if (total >= READ_BYTES) break;
    }
    const bytes = this.#joined.get(kind, code, from, upTo) ?? new Uint8Array();
    if (bytes.length === total) return { sizes, bytes, upTo };
    throw new IovError(
      'STORE_FAILED',
      `positions ${from} to ${upTo}: the index says ${total} bytes, the records have ${bytes.length}`,
    );
  }
}
