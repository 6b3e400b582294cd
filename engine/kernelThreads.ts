import type { OperatorSpec } from '../contract/component.js';
import type { Log } from '../contract/context.js';
import { IovError } from '../contract/error.js';
import type { Item, JsonObject } from '../contract/item.js';
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

/**
 * A batch on its way to a worker: each item as JSON text, one after the other in `texts`; what else is known of them as one
 * JSON list. Receipts and effects stay behind. JSON costs a third of what a structured clone of the objects does.
 */
export interface Batch {
  texts: Uint8Array<ArrayBuffer>;
  lengths: readonly number[];
  /** JSON of {@link Known} for each item. */
  known: string;
}

export type Known = Pick<Item, 'tags' | 'origin'>;

/** What became of one item: the records it gave, or why it failed. Records that are bytes stand in the batch's `bytes`. */
export type Outcome =
  | { records: (Known & ({ value: JsonObject } | { bytes: number }))[] }
  | { failed: ConstructorParameters<typeof IovError> };

export interface BatchOutcome {
  /** JSON of an {@link Outcome} for each item. */
  outcomes: string;
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
  readonly #isFirst: boolean;

  /** @param isFirst nothing stands before it in the chain, so that an item's raw text is still its value */
  constructor(data: ThreadData, threads: number, log: Log, isFirst: boolean) {
    this.#isFirst = isFirst;
    this.#pool = openPool(new URL('./kernelWorker.js', import.meta.url), threads, data);
    this.#log = log;
  }

  async run(items: readonly Item[], fail: (item: Item, error: IovError) => Promise<void>): Promise<Item[]> {
    const batch = this.#packed(items);
    const { outcomes, bytes, logged } = await this.#pool.run<BatchOutcome>(batch, {
      transferList: [batch.texts.buffer],
    });
    for (const { level, fields, message } of logged) this.#log[level](fields, message);
    const out: Item[] = [];
    let at = 0;
    for (const [index, outcome] of (JSON.parse(outcomes) as Outcome[]).entries()) {
      const item = items[index];
      if (!item) break;
      if ('failed' in outcome) {
        await fail(item, new IovError(...outcome.failed));
        continue;
      }
      const share = outcome.records.length === 1 ? undefined : item.receipt.share();
      for (const { tags, origin, ...record } of outcome.records) {
        const receipt = share?.part() ?? item.receipt;
        if ('bytes' in record) {
          out.push({ ...item, tags, origin, receipt, value: oneLine(bytes.subarray(at, at + record.bytes)) });
          at += record.bytes;
        } else {
          out.push({ ...item, tags, origin, receipt, value: record.value });
        }
      }
      share?.close();
    }
    return out;
  }

  /** At the head of a chain the text that a source read is sent on as it is. */
  #packed(items: readonly Item[]): Batch {
    const texts = items.map(({ raw, value }) => (this.#isFirst && raw) || Buffer.from(JSON.stringify(value)));
    const lengths = texts.map(({ byteLength }) => byteLength);
    return {
      texts: joined(texts),
      lengths,
      known: JSON.stringify(items.map(({ tags, origin }) => ({ tags, origin }))),
    };
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

/** One buffer of many, so that it can be handed to another thread without a copy. */
export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((total, { byteLength }) => total + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
