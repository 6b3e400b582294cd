import type { Source } from '../contract/component.js';
import { IovError, reasonOf } from '../contract/error.js';
import type { Item } from '../contract/item.js';
import { Receipt } from '../contract/receipt.js';
import type { DeadLetter, NewDeadLetter, Store } from '../contract/store.js';
import { parseStrictJson } from '../notice/strictJson.js';

/** The letter about an item that failed: a second one about the same item takes the place of the first. */
export function letterOf(pipeline: string, item: Omit<Item, 'value' | 'receipt' | 'effects'>, error: IovError) {
  const { origin, tags, raw } = item;
  const letter: NewDeadLetter = { pipeline, origin, code: error.code, reason: reasonOf(error), tags };
  return raw ? { ...letter, raw } : letter;
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
  readonly #noting = new Set<Promise<void>>();
  #failure: IovError | undefined;

  constructor(store: Store, ids: readonly number[]) {
    this.#store = store;
    this.#ids = ids;
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
      const value = parseStrictJson(raw);
      const receipt = new Receipt((error) => (error ? this.#failedAgain(letter, error) : this.#arrived(letter)));
      return { value, tags, origin, receipt, effects: [(transaction) => transaction.deadLetterRetried(id)], raw };
    } catch (thrown) {
      this.#failedAgain(letter, IovError.from(thrown));
      return undefined;
    }
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
    const noted = this.#store
      .commit([(transaction) => transaction.addDeadLetter(changed)])
      .catch((thrown: unknown) => {
        this.#failure ??= IovError.from(thrown);
      })
      .finally(() => this.#noting.delete(noted));
    this.#noting.add(noted);
  }
}
