import type { OperatorSpec } from '../contract/component.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, JsonObject, Tags } from '../contract/item.js';
import { oneLine } from '../contract/oneLine.js';
import { openPool, type Pool } from '../workers/pool.js';
import type { CheckedComponent, CheckedConfig } from './config.js';

/** What the worker threads of a pipeline start with: the operators to create there, and what these may know. */
export interface ThreadData {
  pipeline: string;
  operators: readonly { name: string; options: Readonly<Record<string, unknown>>; place: string }[];
  peers: CheckedConfig['peers'];
  site: CheckedConfig['site'];
}

/** An item without what cannot cross to another thread: its receipt, its effects, its raw bytes. */
export interface Crossing {
  value: JsonObject;
  tags: Tags;
  origin: string;
}

/** What became of one item: the records it gave, or why it failed. Records that are bytes stand in the batch's `bytes`. */
export type Outcome =
  | { records: { tags: Tags; origin: string; value?: JsonObject; bytes?: number }[] }
  | { failed: ConstructorParameters<typeof IovError> };

export interface BatchOutcome {
  outcomes: Outcome[];
  /** All encoded records, one after the other. */
  bytes: Uint8Array<ArrayBuffer>;
  logged: { level: keyof Log; fields: object; message: string }[];
}

/**
 * Runs a stretch of pure operators in worker threads, a batch of items at a time, for pipelines that have more to compute
 * than one core can (`threads:`). Receipts stay here; what comes back is put together with them again, in order.
 */
export class KernelThreads {
  readonly #pool: Pool;
  readonly #log: Log;

  constructor(data: ThreadData, threads: number, log: Log) {
    this.#pool = openPool(new URL('./kernelWorker.js', import.meta.url), threads, data);
    this.#log = log;
  }

  async run(items: readonly Item[], fail: (item: Item, error: IovError) => Promise<void>): Promise<Item[]> {
    const batch: Crossing[] = items.map(({ value, tags, origin }) => ({ value: value as JsonObject, tags, origin }));
    const { outcomes, bytes, logged } = await this.#pool.run<BatchOutcome>(batch);
    for (const { level, fields, message } of logged) this.#log[level](fields, message);
    const out: Item[] = [];
    let at = 0;
    for (const [index, outcome] of outcomes.entries()) {
      const item = items[index];
      if (!item) break;
      if ('failed' in outcome) {
        await fail(item, new IovError(...outcome.failed));
        continue;
      }
      const share = outcome.records.length === 1 ? undefined : item.receipt.share();
      for (const record of outcome.records) {
        const length = record.bytes ?? 0;
        const value = record.bytes === undefined ? record.value : oneLine(bytes.subarray(at, at + length));
        at += length;
        out.push({ ...item, value, tags: record.tags, origin: record.origin, receipt: share?.part() ?? item.receipt });
      }
      share?.close();
    }
    return out;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** What worker threads need to create these operators. */
export function threadData(
  pipeline: string,
  operators: readonly CheckedComponent<OperatorSpec>[],
  { peers, site }: Pick<CheckedConfig, 'peers' | 'site'>,
): ThreadData {
  return {
    pipeline,
    operators: operators.map(({ spec, options, place }) => ({ name: spec.name, options, place })),
    peers,
    site,
  };
}
