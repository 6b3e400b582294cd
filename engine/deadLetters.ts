import type { Source } from '../contract/component.js';
import { IovError, reasonOf } from '../contract/error.js';
import type { Item, Shape } from '../contract/item.js';
import { oneLine } from '../contract/oneLine.js';
import { Receipt } from '../contract/receipt.js';
import type { DeadLetter, NewDeadLetter, Store, Transaction } from '../contract/store.js';
import { type Tags, withoutPlace } from '../contract/tags.js';
import { maskValue } from '../notice/mask.js';
import { parseStrictJson } from '../notice/strictJson.js';
import { type CheckedConfig, givenBy } from './config.js';

/** The letter about an item that failed: a second one about the same item takes the place of the first. */
export function letterOf(pipeline: string, item: Omit<Item, 'value' | 'receipt' | 'effects'>, error: IovError) {
  const { origin, tags, raw } = item;
  // sent again, it is accepted then, and not when the broker took it
  const letter: NewDeadLetter = {
    pipeline,
    origin,
    code: error.code,
    reason: reasonOf(error),
    tags: withoutPlace(tags),
  };
  return raw ? { ...letter, raw } : letter;
}

/** A letter without the item itself, and with nothing in its tags by which a person is known. */
export function shownLetter({ raw, tags, ...letter }: DeadLetter): Omit<DeadLetter, 'raw'> & { bytes?: number } {
  return { ...letter, tags: maskTags(tags), ...(raw && { bytes: raw.byteLength }) };
}

export function maskTags({ iccid, operType, ...tags }: Tags): Tags {
  return {
    ...tags,
    ...(operType !== undefined && { operType: maskValue(undefined, operType) }),
    ...(iccid !== undefined && { iccid: maskValue({ personal: 'number' }, iccid) }),
  };
}

/** Retryable, so that no operator keeps a letter about it. */
const SENT_ALREADY = new IovError('REQUEST_REUSED', 'it has been sent again already', { retryable: true });

/** Why a letter cannot be sent again; undefined where it can. */
export function obstacle(config: CheckedConfig, letter: DeadLetter | undefined): string | undefined {
  if (!letter) return 'there is no such letter';
  if (letter.state === 'retried') return SENT_ALREADY.message;
  if (!letter.raw) return 'the item itself was not kept; send it again from where it came';
  const pipeline = config.pipelines.find(({ name }) => name === letter.pipeline);
  if (!pipeline) return `${config.file} has no pipeline ${letter.pipeline}`;
  // Its files are all or nothing: a letter alone would close a window of numbered files before the rest.
  const cuts = pipeline.operators.some(({ spec }) => spec.gives === 'text');
  return cuts ? `${letter.pipeline} cuts numbered files; put the mended records into a file and run it` : undefined;
}

/** What became of a letter that was sent again and failed again. */
export interface FailedAgain {
  id: number;
  code: string;
  reason: string;
}

const PAGE = 1_000;

/** The letters of a pipeline, or of all, that wait now, without their raw items. */
export function* waitingLetters(store: Store, pipeline?: string): Generator<DeadLetter> {
  const filter = { state: 'waiting' as const, limit: PAGE, ...(pipeline !== undefined && { pipeline }) };
  for (let afterId = 0; ; ) {
    const letters = store.deadLetters({ ...filter, afterId });
    yield* letters;
    if (letters.length < PAGE) return;
    afterId = letters.at(-1)?.id ?? 0;
  }
}

/**
 * Stands in for a pipeline's source and gives its dead letters as that source would have given them. A letter counts as
 * retried in the transaction that makes its item durable, so that a crash does not send it twice; one that fails again
 * waits with its new reason.
 */
export class DeadLetterSource implements Source {
  readonly failed: FailedAgain[] = [];
  retried = 0;
  readonly #store: Store;
  readonly #ids: readonly number[];
  readonly #shape: Shape;
  readonly #noting = new Set<Promise<void>>();
  #failure: IovError | undefined;

  /** Letters of one pipeline. */
  static of({ config, store }: { config: CheckedConfig; store: Store }, name: string, ids: readonly number[]) {
    const pipeline = config.pipelines.find((candidate) => candidate.name === name);
    return new DeadLetterSource(store, ids, pipeline ? givenBy(pipeline) : 'record');
  }

  /** @param shape what the source itself gives */
  constructor(store: Store, ids: readonly number[], shape: Shape) {
    this.#store = store;
    this.#ids = ids;
    this.#shape = shape;
  }

  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    for (const id of this.#ids) {
      if (signal.aborted) return;
      const letter = this.#store.deadLetter(id);
      const item = letter?.raw && letter.state === 'waiting' ? this.#item(letter, letter.raw) : undefined;
      if (item) yield item;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#noting);
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
  }

  /** Undefined for a letter about what is no JSON object, which fails at once. */
  #item(letter: DeadLetter, raw: Uint8Array): Item | undefined {
    const { id, tags, origin } = letter;
    try {
      const value = this.#shape === 'bytes' ? oneLine(raw) : parseStrictJson(raw);
      const receipt = new Receipt((error) => (error ? this.#failedAgain(letter, error) : this.#arrived(letter)));
      return { value, tags, origin, receipt, effects: [(transaction) => this.#retriedIn(transaction, id)], raw };
    } catch (thrown) {
      this.#failedAgain(letter, IovError.from(thrown));
      return undefined;
    }
  }

  /** Somebody else may send the same letter at this moment: whoever stores its item first has done so for both. */
  #retriedIn(transaction: Transaction, id: number): void {
    if (this.#store.deadLetter(id)?.state === 'retried') throw SENT_ALREADY;
    transaction.deadLetterRetried(id);
  }

  /** Sinks outside of the archive, and operators that swallow an item, run no effects. */
  #arrived({ id }: DeadLetter): void {
    this.retried += 1;
    try {
      this.#store.deadLetterRetried(id);
    } catch (thrown) {
      this.#failure ??= IovError.from(thrown);
    }
  }

  #failedAgain(letter: DeadLetter, error: IovError): void {
    const changed = letterOf(letter.pipeline, letter, error);
    this.failed.push({ id: letter.id, code: changed.code, reason: changed.reason });
    if (error === SENT_ALREADY) return;
    const noted = this.#store
      .commit([(transaction) => transaction.addDeadLetter(changed)])
      .catch((thrown: unknown) => {
        this.#failure ??= IovError.from(thrown);
      })
      .finally(() => this.#noting.delete(noted));
    this.#noting.add(noted);
  }
}
