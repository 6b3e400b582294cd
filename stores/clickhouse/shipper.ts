import { setTimeout as pause } from 'node:timers/promises';
import { backOff } from '../../contract/backOff.js';
import type { Log } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import { timeLimit } from '../../contract/timeLimit.js';
import type { BatchBounds } from './batches.js';
import { encodedRows } from './recordRow.js';
import type { Spool } from './spool.js';

const RETRY = { delayMsMin: 200, delayMsMax: 15_000 };
/** Whoever stops does not wait longer for what may as well be shipped at the next start. */
const CLOSE_MS = 5_000;

interface Means {
  spool: Spool;
  log: Log;
  bounds: BatchBounds;
  /** Runs it in a transaction; resolves when that, and all before it, is on the disk. */
  commit(work: () => void): Promise<void>;
  /** Where the record of the ledger's that bears this number stands in ClickHouse. */
  positionOf(seq: number): Promise<number>;
  insert(rows: Buffer): Promise<void>;
}

/**
 * Brings the spool to ClickHouse, batch by batch, and takes from it what has arrived there. Broken off between the two the same
 * rows are inserted again, each at its own position. What is shipped is on the ledger's disk already, so that a position is
 * never given to two records.
 */
export class Shipper {
  readonly #means: Means;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #working: Promise<void>;
  #wake: (() => void) | undefined;
  /** Ends a rest. */
  #hurry = new AbortController();
  #trouble: IovError | undefined;

  constructor(means: Means) {
    this.#means = means;
    this.#working = this.#work();
  }

  /** Something may be in the spool. */
  poke(): void {
    this.#wake?.();
  }

  /**
   * Resolves when everything that was accepted before that time has left the spool.
   * @throws IovError STORE_FAILED with what keeps it there, where that takes longer than `timeoutMs`
   */
  async shippedBefore(cutoffMs: number, timeoutMs: number): Promise<void> {
    const last = this.#means.spool.lastHeldBefore(cutoffMs);
    if (last === undefined) return;
    const late = timeLimit(timeoutMs, this.#stop.signal);
    this.poke();
    while (!this.#means.spool.hasLeft(last)) {
      if (late.aborted)
        throw this.#trouble ?? new IovError('STORE_FAILED', `the spool is not empty after ${timeoutMs} ms`);
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        this.#hurry.abort();
        late.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  /** Leaves what is in the spool to the next start, where it does not go at once. */
  async close(): Promise<void> {
    if (!this.#trouble) await this.shippedBefore(Number.MAX_SAFE_INTEGER, CLOSE_MS).catch(() => undefined);
    this.#stop.abort();
    this.poke();
    await this.#working;
  }

  async #work(): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; ) {
      try {
        // after a failure there may be more than is counted: what was to leave has not
        if (attempt === 0 && this.#means.spool.count === 0) await this.#something();
        const isEmpty = await this.#ship();
        for (const resolve of this.#waiting) resolve();
        this.#waiting.clear();
        if (this.#trouble) this.#means.log.info({}, 'ClickHouse takes records again');
        this.#trouble = undefined;
        attempt = 0;
        if (isEmpty) await this.#rest();
      } catch (thrown) {
        if (this.#stop.signal.aborted) return;
        attempt += 1;
        this.#tell(IovError.from(thrown, 'bringing records to ClickHouse'));
        await backOff(attempt, RETRY, this.#stop.signal);
      }
    }
  }

  /** @returns whether nothing is left */
  async #ship(): Promise<boolean> {
    const { spool, bounds, commit, positionOf, insert } = this.#means;
    let rows: ReturnType<Spool['next']> = [];
    // read in a transaction of its own: once that is on the disk, so is all that it has found
    await commit(() => {
      rows = spool.next(bounds.batchRecordsMax, bounds.batchBytesMax);
    });
    if (rows.length === 0 || this.#stop.signal.aborted) return true;
    const placed = [];
    for (const row of rows) placed.push({ ...row, position: await positionOf(row.seq) });
    await insert(encodedRows(placed));
    await commit(() => spool.remove(rows));
    return rows.length < bounds.batchRecordsMax && spool.count <= 0;
  }

  /** The same trouble is told once. */
  #tell(error: IovError): void {
    if (this.#trouble?.message === error.message) return;
    this.#trouble = error;
    this.#means.log.error(
      { code: error.code, alarm: 'archiveUnreachable' },
      `records wait in the ledger: ${error.message}`,
    );
  }

  async #something(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#stop.signal.aborted || this.#means.spool.count > 0) resolve();
    });
    this.#wake = undefined;
  }

  /** Others may come, to go in one batch; nobody who waits for what is there waits for those. */
  async #rest(): Promise<void> {
    if (this.#waiting.size > 0) return;
    this.#hurry = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, this.#hurry.signal]);
    await pause(this.#means.bounds.batchDelayMs, undefined, { signal }).catch(() => undefined);
  }
}
