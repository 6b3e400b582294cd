import type { Readable } from 'node:stream';
import { IovError } from '../../contract/error.js';
import type { StoreStatus, Stretch, WindowRow } from '../../contract/store.js';
import { rangesOf } from '../ranges.js';
import type { TracedRecord } from '../sqlite/trace.js';
import { clickHouseFailed } from './failures.js';
import { readSizes } from './rowBinary.js';
import type { Tables } from './schema.js';
import type { ClickHouseServer } from './server.js';
import { list, type Sql, sql } from './sql.js';

/** Positions that are counted together when a window is planned: 16 K. */
const BUCKET_BITS = 14;
/** Buckets in one answer. */
const BUCKETS_MAX = 50_000;
/** Records are asked for by so many bytes; as much again is on its way meanwhile. */
const READ_BYTES = 6 * 1024 * 1024;

/**
 * Reads the archive's records, in order of position. A row that is there twice is read once; what is in `excluded` is passed
 * over. Nothing is asked that grows with the archive: each answer is bounded by a range of positions.
 */
export class Records {
  readonly #server: ClickHouseServer;
  readonly #tables: Tables;
  /** Stretches in which a row stands twice: what comes of the others need not be looked through for that. */
  readonly #repeated = new WeakSet<Stretch>();

  constructor(server: ClickHouseServer, tables: Tables) {
    this.#server = server;
    this.#tables = tables;
  }

  async codes(kind: string, cutoffMs: number): Promise<string[]> {
    const query = sql`SELECT DISTINCT code FROM ${this.#table} WHERE kind = ${kind} AND accepted_at < ${cutoffMs} ORDER BY code`;
    return (await this.#server.rows('reading the codes', query)).map(([code]) => code ?? '');
  }

  /** How many rows a window has; one that was inserted twice may count twice until it is merged. */
  async count(window: Pick<WindowRow, 'kind' | 'code' | 'fromPosition' | 'toPosition'>): Promise<number> {
    const query = sql`SELECT count() FROM ${this.#table} WHERE ${inWindow(window)}`;
    return Number((await this.#server.rows('counting records', query))[0]?.[0] ?? 0);
  }

  /** When the first record of this kind and code was accepted from that time on; undefined where there is none. */
  async firstAcceptedAt(kind: string, code: string, fromMs: number): Promise<number | undefined> {
    const query = sql`SELECT min(accepted_at), count() FROM ${this.#table} WHERE kind = ${kind} AND code = ${code} AND accepted_at >= ${fromMs}`;
    const [first, count] = (await this.#server.rows('looking for the first record', query))[0] ?? [];
    return Number(count) > 0 ? Number(first) : undefined;
  }

  /** Buckets are counted first, and then taken together until they hold enough: no query sorts more than it gives. */
  async *stretches(window: WindowRow, recordsMax: number): AsyncGenerator<Stretch> {
    let group = { from: 0, to: 0, records: 0 };
    for await (const { from, to, records } of this.#buckets(window)) {
      if (group.records > 0 && group.records + records > recordsMax) {
        yield* this.#stretch(window, group.from, group.to);
        group = { from, to, records: 0 };
      }
      group = { from: group.records === 0 ? from : group.from, to, records: group.records + records };
    }
    if (group.records > 0) yield* this.#stretch(window, group.from, group.to);
  }

  /** The records of a stretch with a newline after each, as the server writes them: nothing here looks at a single one. */
  async *lines(window: WindowRow, stretch: Stretch, from: number, to: number): AsyncGenerator<Uint8Array> {
    const ranges = [...rangesOf(stretch, from, to, READ_BYTES)];
    const once = this.#repeated.has(stretch) ? sql`LIMIT 1 BY position` : sql``;
    const ask = (index: number) => {
      const range = ranges[index];
      const asked = range && this.#content(window, range.first, range.last, once);
      asked?.catch(() => undefined); // told to whoever waits for it; nobody may
      return asked;
    };
    let next = ask(0);
    try {
      for (const [index, { bytes }] of ranges.entries()) {
        const pieces = await next;
        next = ask(index + 1); // it begins while this one is read
        yield* whole(pieces, bytes);
      }
    } finally {
      void next?.then((pieces) => pieces.destroy()).catch(() => undefined);
    }
  }

  /** Records with `fromPosition < position <= toPosition`. */
  async *records(window: WindowRow, fromPosition: number, toPosition: number): AsyncGenerator<Uint8Array> {
    for await (const stretch of this.#stretch(window, fromPosition + 1, toPosition)) {
      const ranges = rangesOf(stretch, 0, stretch.sizes.length, READ_BYTES);
      for (const { first, last, index: start, bytes: expected } of ranges) {
        const pieces: Buffer[] = [];
        for await (const piece of whole(await this.#content(window, first, last, sql`LIMIT 1 BY position`), expected))
          pieces.push(piece);
        const bytes = Buffer.concat(pieces);
        for (let index = start, at = 0; at < bytes.length; index += 1) {
          const size = stretch.sizes[index] ?? 0;
          yield bytes.subarray(at, at + size);
          at += size + 1;
        }
      }
    }
  }

  /** By ICCID or RequestID; the oldest first. */
  async about(key: string, limit: number): Promise<TracedRecord[]> {
    const query = sql`SELECT kind, code, position, size, iccid, accepted_at FROM ${this.#table} WHERE iccid = ${key} OR request_id = ${key} ORDER BY accepted_at, position LIMIT 1 BY kind, code, position LIMIT ${limit}`;
    const rows = await this.#server.rows('tracing', query);
    const again = await this.#excluded(rows.map(([, , position]) => Number(position)));
    return rows.map(([kind = '', code = '', position, size, iccid, acceptedAt]) => ({
      kind,
      code,
      seq: Number(position),
      size: Number(size),
      iccid: iccid || null,
      accepted_at: Number(acceptedAt),
      again: again.has(`${kind} ${code} ${position}`),
    }));
  }

  /** Those of these positions that came twice, each as `kind code position`. */
  async #excluded(positions: readonly number[]): Promise<ReadonlySet<string>> {
    if (positions.length === 0) return new Set();
    const query = sql`SELECT DISTINCT kind, code, position FROM ${this.#tables.named('excluded')} WHERE position IN (${list(positions)})`;
    return new Set((await this.#server.rows('tracing', query)).map((row) => row.join(' ')));
  }

  /** Which of these positions hold a record. */
  async held(kind: string, code: string, positions: readonly number[]): Promise<Set<number>> {
    const query = sql`SELECT position FROM ${this.#table} WHERE kind = ${kind} AND code = ${code} AND position IN (${list(positions)})`;
    return new Set((await this.#server.rows('looking for records', query)).map(([position]) => Number(position)));
  }

  async totals(): Promise<StoreStatus['records']> {
    const query = sql`SELECT kind, code, count(), sum(size), max(accepted_at) FROM ${this.#table} GROUP BY kind, code ORDER BY kind, code`;
    return (await this.#server.rows('counting records', query)).map(([kind, code, count, bytes, last]) => ({
      kind: kind ?? '',
      code: code ?? '',
      count: Number(count),
      bytes: Number(bytes),
      lastAcceptedAt: Number(last),
    }));
  }

  async *#buckets(window: WindowRow): AsyncGenerator<{ from: number; to: number; records: number }> {
    for (let after = -1; ; ) {
      const query = sql`SELECT bitShiftRight(position, ${BUCKET_BITS}) AS bucket, count() FROM ${this.#table} WHERE ${inWindow(window)} AND position >= ${(after + 1) * 2 ** BUCKET_BITS} GROUP BY bucket ORDER BY bucket LIMIT ${BUCKETS_MAX}`;
      const rows = await this.#server.rows('planning a window', query);
      for (const [bucket, records] of rows) {
        const from = Number(bucket) * 2 ** BUCKET_BITS;
        yield { from, to: from + 2 ** BUCKET_BITS - 1, records: Number(records) };
      }
      if (rows.length < BUCKETS_MAX) return;
      after = Number(rows.at(-1)?.[0]);
    }
  }

  async *#stretch(window: WindowRow, from: number, to: number): AsyncGenerator<Stretch> {
    const query = sql`SELECT position, size FROM ${this.#table} WHERE ${this.#among(window, from, to)} ORDER BY position FORMAT RowBinary`;
    const { repeated, ...stretch } = readSizes(await this.#server.bytes('planning a window', query));
    if (repeated) this.#repeated.add(stretch);
    if (stretch.sizes.length > 0) yield stretch;
  }

  #content(window: WindowRow, from: number, to: number, once: Sql): Promise<Readable> {
    const query = sql`SELECT bytes FROM ${this.#table} WHERE ${this.#among(window, from, to)} ORDER BY position ${once}`;
    return this.#server.stream('reading records', sql`${query} FORMAT TabSeparatedRaw`);
  }

  #among(window: WindowRow, from: number, to: number): Sql {
    const { kind, code } = window;
    const range = sql`position >= ${from} AND position <= ${to}`;
    const excluded = sql`SELECT position FROM ${this.#tables.named('excluded')} WHERE kind = ${kind} AND code = ${code} AND ${range}`;
    return sql`${inWindow(window)} AND ${range} AND position NOT IN (${excluded})`;
  }

  get #table(): Sql {
    return this.#tables.named('records');
  }
}

/** Checks at the end that it was all of it; whoever has read so far then gives up what it has made of it. */
async function* whole(pieces: Readable | undefined, bytes: number): AsyncGenerator<Buffer> {
  let found = 0;
  try {
    for await (const piece of pieces ?? []) {
      found += (piece as Buffer).length;
      yield piece as Buffer;
    }
  } catch (thrown) {
    throw clickHouseFailed(thrown, 'reading records');
  }
  if (found !== bytes)
    throw new IovError('STORE_FAILED', `ClickHouse gives ${found} bytes where the window was planned with ${bytes}`);
}

/** A window's bounds are times of acceptance here. */
function inWindow({
  kind,
  code,
  fromPosition,
  toPosition,
}: Pick<WindowRow, 'kind' | 'code' | 'fromPosition' | 'toPosition'>): Sql {
  return sql`kind = ${kind} AND code = ${code} AND accepted_at > ${fromPosition} AND accepted_at <= ${toPosition}`;
}
