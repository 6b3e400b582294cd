import { IovError } from '../../contract/error.js';
import { encodedRows, type RecordRow, ROW_BYTES } from './recordRow.js';

export interface BatchBounds {
  batchRecordsMax: number;
  batchBytesMax: number;
  /** How long a record waits for others. */
  batchDelayMs: number;
}

interface Batch {
  rows: RecordRow[];
  bytes: number;
  done: Promise<void>;
  settle(error?: IovError): void;
}

/** Inserts under way at once; whoever comes meanwhile gathers in the next one. */
const UNDER_WAY_MAX = 2;

/**
 * Records that bear a position of their own go straight to ClickHouse, many in one insert: the log that they come from keeps
 * them until it is told that they have arrived.
 */
export class Batches {
  readonly #insert: (rows: Buffer) => Promise<void>;
  readonly #bounds: BatchBounds;
  readonly #underWay = new Set<Batch>();
  #full: Batch[] = [];
  #open: Batch | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(bounds: BatchBounds, insert: (rows: Buffer) => Promise<void>) {
    this.#bounds = bounds;
    this.#insert = insert;
  }

  /** Resolves when ClickHouse has taken them. */
  add(rows: readonly RecordRow[]): Promise<void> {
    this.#open ??= newBatch();
    const batch = this.#open;
    for (const row of rows) {
      batch.rows.push(row);
      batch.bytes += row.bytes.byteLength + ROW_BYTES;
    }
    const { batchRecordsMax, batchBytesMax, batchDelayMs } = this.#bounds;
    if (batch.rows.length >= batchRecordsMax || batch.bytes >= batchBytesMax) this.#close();
    else this.#timer ??= setTimeout(() => this.#close(), batchDelayMs);
    return batch.done;
  }

  /** Sends what waits; resolves when all that has come so far has arrived or failed. Whoever added it is told which. */
  async flush(): Promise<void> {
    this.#close();
    await Promise.allSettled([...this.#underWay, ...this.#full].map(({ done }) => done));
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#open) this.#full.push(this.#open);
    this.#open = undefined;
    this.#send();
  }

  #send(): void {
    while (this.#underWay.size < UNDER_WAY_MAX) {
      const batch = this.#full.shift();
      if (!batch) return;
      void this.#insert(encodedRows(batch.rows))
        .then(
          () => batch.settle(),
          (thrown: unknown) => batch.settle(IovError.from(thrown)),
        )
        .finally(() => {
          this.#underWay.delete(batch);
          this.#send();
        });
      this.#underWay.add(batch);
    }
  }
}

function newBatch(): Batch {
  let settle: Batch['settle'] = () => undefined;
  const done = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  done.catch(() => undefined); // every caller is told; there may be none
  return { rows: [], bytes: 0, done, settle };
}
