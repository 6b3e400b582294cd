import { IovError } from '../../contract/error.js';
import type { NewRecord } from '../../contract/store.js';
import { Archive } from '../sqlite/archive.js';
import type { Database, Statement } from '../sqlite/database.js';
import type { Batch, Queue } from './queue.js';
import { encodedRows, type RecordRow, recordRow } from './recordRow.js';

interface SpooledRow {
  seq: number;
  kind: string;
  code: string;
  iccid: string | null;
  request_id: string | null;
  platform_id: string | null;
  size: number;
  accepted_at: number;
  bytes: Buffer;
}

/** A record in the spool; where it will stand is decided when it leaves. */
export type Spooled = Omit<RecordRow, 'position'> & { seq: number };

/**
 * The ledger's own table of records, as a spool: what has been accepted here and is not in ClickHouse yet. Its numbers rise and
 * never come again, not even when all of them have left. Records that bear a position pass by it.
 */
export class Spool extends Archive {
  readonly #bytesMax: number;
  readonly #next: Statement<SpooledRow>;
  readonly #remove: Statement;
  readonly #before: Statement<number | null>;
  readonly #seek: Statement<number>;
  #bytes: number;
  #count: number;
  #direct: RecordRow[] | undefined;

  constructor(database: Database, bytesMax: number) {
    super(database);
    this.#bytesMax = bytesMax;
    this.#next = database.prepare('SELECT * FROM records ORDER BY seq LIMIT ?');
    this.#remove = database.prepare('DELETE FROM records WHERE seq <= ?');
    this.#before = database
      .prepare<unknown[], number | null>('SELECT max(seq) FROM records WHERE accepted_at < ?')
      .pluck();
    this.#seek = database.prepare<unknown[], number>('SELECT coalesce(min(seq), 9e15) FROM records').pluck();
    const held = database.prepare<unknown[], [number, number]>('SELECT count(*), coalesce(sum(size), 0) FROM records');
    [this.#count, this.#bytes] = held.raw().get() ?? [0, 0];
  }

  /** Records held, but for those of a transaction that has been undone: counted anew when the spool is read to its end. */
  get count(): number {
    return this.#count;
  }

  /** From here on records that bear a position are put into this list. */
  collect(direct: RecordRow[]): void {
    this.#direct = direct;
  }

  /** @throws IovError OVERLOADED where the spool is full */
  override append(record: NewRecord, acceptedAt: number): number {
    const { position, acceptedAt: since = acceptedAt, bytes } = record;
    if (position !== undefined && this.#direct) {
      this.#direct.push(recordRow(record, position, since));
      return position;
    }
    if (this.#bytes + bytes.byteLength > this.#bytesMax) {
      const rule = `ClickHouse takes nothing, and the ledger holds its ${this.#bytesMax} bytes for it (spoolBytesMax)`;
      throw new IovError('OVERLOADED', rule);
    }
    this.#bytes += bytes.byteLength;
    this.#count += 1;
    return super.append(record, acceptedAt);
  }

  /** Inside a transaction: the oldest records, bounded by number and bytes, at least one where there is one. */
  next(recordsMax: number, bytesMax: number): Spooled[] {
    const found: Spooled[] = [];
    let bytes = 0;
    for (const row of this.#next.iterate(recordsMax)) {
      bytes += row.size;
      if (bytes > bytesMax && found.length > 0) break;
      found.push(spooled(row));
    }
    if (found.length === 0) [this.#bytes, this.#count] = [0, 0];
    return found;
  }

  /** Inside a transaction: these have left, up to the last of them. */
  remove(rows: readonly Spooled[]): void {
    this.#remove.run(rows.at(-1)?.seq ?? 0);
    this.#count -= rows.length;
    for (const { bytes } of rows) this.#bytes -= bytes.byteLength;
  }

  /** The number of the last record held that was accepted before that time; undefined where there is none. */
  lastHeldBefore(cutoffMs: number): number | undefined {
    return this.#before.get(cutoffMs) ?? undefined;
  }

  /** Whether all up to that number have left. */
  hasLeft(seq: number): boolean {
    return (this.#seek.get() ?? 0) > seq;
  }
}

interface Way {
  /** Where the record of the ledger's that bears this number stands in ClickHouse. */
  positionOf(seq: number): Promise<number>;
  insert(rows: Buffer): Promise<void>;
}

/** Records on their way: done again the same rows are inserted, each at its own position. */
export function recordQueue(spool: Spool, { positionOf, insert }: Way): Queue {
  return {
    get isEmpty() {
      return spool.count === 0;
    },
    next: (recordsMax, bytesMax): Batch | undefined => {
      const rows = spool.next(recordsMax, bytesMax);
      if (rows.length === 0) return undefined;
      return {
        insert: async () => {
          const placed = [];
          for (const row of rows) placed.push({ ...row, position: await positionOf(row.seq) });
          await insert(encodedRows(placed));
        },
        remove: () => spool.remove(rows),
        isEnough: () => rows.length < recordsMax && spool.count <= 0,
      };
    },
  };
}

function spooled(row: SpooledRow): Spooled {
  return {
    seq: row.seq,
    kind: row.kind,
    code: row.code,
    acceptedAt: row.accepted_at,
    iccid: row.iccid ?? '',
    requestId: row.request_id ?? '',
    platformId: row.platform_id ?? '',
    bytes: row.bytes,
  };
}
