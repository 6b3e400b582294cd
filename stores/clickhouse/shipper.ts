import { setTimeout as pause } from 'node:timers/promises';
import { backOff } from '../../contract/backOff.js';
import type { Log } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import { timeLimit } from '../../contract/timeLimit.js';
import type { BatchBounds } from './batches.js';
import type { Batch, Queue } from './queue.js';

const RETRY = { delayMsMin: 200, delayMsMax: 15_000 };
/** Whoever stops does not wait longer for what may as well be shipped at the next start. */
const CLOSE_MS = 5_000;

const NOT_THERE = 'stopped before ClickHouse had it; what the ledger has of it goes there at the next start';

interface Means {
  queues: readonly Queue[];
  log: Log;
  bounds: BatchBounds;
  /** Runs it in a transaction; resolves when that, and all before it, is on the disk. */
  commit(work: () => void): Promise<void>;
  /** Ends it, with its reason, before it is closed. */
  lost?: AbortSignal | undefined;
}

/**
 * Brings what waits in the ledger to ClickHouse, batch by batch, and takes from it what has arrived there. What is shipped is on
 * the ledger's disk already, so that a position or a version is never given to two things.
 */
export class Shipper {
  readonly #means: Means;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** How many of those who wait would have it go at once. */
  #hasten = 0;
  #isReleased = false;
  readonly #working: Promise<void>;
  #wake: (() => void) | undefined;
  /** Ends a rest. */
  #hurry = new AbortController();
  #trouble: IovError | undefined;

  constructor(means: Means) {
    this.#means = means;
    means.lost?.addEventListener('abort', () => this.#end(means.lost?.reason), { once: true });
    this.#working = this.#work();
  }

  /** Something may be in a queue. */
  poke(): void {
    this.#wake?.();
  }

  /**
   * Resolves when what `hasLeft` asks for is there.
   * @throws IovError STORE_FAILED with what keeps it, where that takes longer than `timeoutMs`
   */
  async shipped(hasLeft: () => boolean, timeoutMs: number): Promise<void> {
    const late = timeLimit(timeoutMs, this.#stop.signal);
    this.poke();
    this.#hasten += 1;
    try {
      while (!hasLeft()) {
        if (late.aborted)
          throw this.#trouble ?? new IovError('STORE_FAILED', `the spool is not empty after ${timeoutMs} ms`);
        this.#hurry.abort();
        await this.#nextBatch(late);
      }
    } finally {
      this.#hasten -= 1;
    }
  }

  /**
   * The same for those who go with the others, and wait as long as it takes.
   * @throws IovError STOPPED once they are released, or nothing is shipped any more
   */
  async arrived(hasLeft: () => boolean): Promise<void> {
    if (hasLeft()) return;
    this.poke();
    while (!hasLeft()) {
      this.#stop.signal.throwIfAborted();
      if (this.#isReleased) throw new IovError('STOPPED', NOT_THERE);
      await this.#nextBatch();
    }
  }

  /** Until something leaves again nobody waits for it; it goes on its way all the same. */
  release(): void {
    this.#isReleased = true;
    this.#tellAll();
  }

  /** Leaves what is there to the next start, where it does not go at once. */
  async close(): Promise<void> {
    const isEmpty = () => this.#means.queues.every((queue) => queue.isEmpty);
    if (!this.#trouble) await this.shipped(isEmpty, CLOSE_MS).catch(() => undefined);
    this.#end(new IovError('STOPPED', NOT_THERE));
    await this.#working;
  }

  #end(reason: unknown): void {
    this.#stop.abort(reason);
    this.poke();
    this.#tellAll();
  }

  #tellAll(): void {
    for (const tell of [...this.#waiting]) tell();
  }

  /** Until a batch has left, or nobody need wait for one any more. */
  async #nextBatch(late?: AbortSignal): Promise<void> {
    let tell: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      tell = resolve;
      this.#waiting.add(tell);
      late?.addEventListener('abort', tell, { once: true });
    });
    this.#waiting.delete(tell);
    late?.removeEventListener('abort', tell);
  }

  async #work(): Promise<void> {
    for (let attempt = 0; !this.#stop.signal.aborted; ) {
      try {
        // after a failure there may be more than is counted: what was to leave has not
        if (attempt === 0) await this.#something();
        const isEnough = await this.#ship();
        this.#isReleased = false;
        this.#tellAll();
        if (this.#trouble) this.#means.log.info({}, 'ClickHouse takes records again');
        this.#trouble = undefined;
        attempt = 0;
        if (isEnough) await this.#rest();
      } catch (thrown) {
        if (this.#stop.signal.aborted) return;
        attempt += 1;
        this.#tell(IovError.from(thrown, 'bringing records to ClickHouse'));
        await backOff(attempt, RETRY, this.#stop.signal);
      }
    }
  }

  /** @returns whether others may gather */
  async #ship(): Promise<boolean> {
    let isEnough = true;
    for (const queue of this.#means.queues) isEnough = (await this.#shipNext(queue)) && isEnough;
    return isEnough;
  }

  async #shipNext(queue: Queue): Promise<boolean> {
    const { bounds, commit } = this.#means;
    // read in a transaction of its own: once that is on the disk, so is all that it has found
    let found: Batch[] = [];
    await commit(() => {
      const next = queue.next(bounds.batchRecordsMax, bounds.batchBytesMax);
      found = next ? [next] : [];
    });
    const [batch] = found;
    if (!batch || this.#stop.signal.aborted) return true;
    await batch.insert();
    await commit(() => batch.remove());
    return batch.isEnough();
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

  /** Whoever waits may do so for what another process has brought there meanwhile: only another look tells them. */
  async #something(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      const isWanted = this.#waiting.size > 0 || this.#means.queues.some((queue) => !queue.isEmpty);
      if (this.#stop.signal.aborted || isWanted) resolve();
    });
    this.#wake = undefined;
  }

  /** Others may come, to go in one batch; nobody who waits for what is there waits for those. */
  async #rest(): Promise<void> {
    if (this.#hasten > 0) return;
    this.#hurry = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, this.#hurry.signal]);
    await pause(this.#means.bounds.batchDelayMs, undefined, { signal }).catch(() => undefined);
  }
}
