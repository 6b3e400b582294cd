import type { Context } from '../contract/context.js';
import { SCHEDULE } from '../contract/store.js';

/** Positions that one look is compared with; the next look is compared with the next. */
const PAGE = 5_000;
/** From the end of one round through all positions to the beginning of the next. */
const ROUND_MS = 3_600_000;

/**
 * Notes which of the files that the ledger remembers are not where they were, and which are there again: a purge forgets what
 * has been gone for its term, and never what is there, which would be taken in once more. Bounded: each look is compared with
 * one page of the ledger, round and round.
 */
export class GoneFiles {
  readonly #context: Context;
  readonly #prefix: string;
  readonly #isOurs: (key: string) => boolean;
  /** Of the page under comparison, what the look has not found so far, and what is noted as gone. */
  readonly #missing = new Set<string>();
  readonly #noted = new Set<string>();
  #after: string;
  #last: string | undefined;
  #roundAtMs = 0;

  /**
   * @param prefix what the ledger puts before the keys of this source's files
   * @param isOurs whether a key is that of a file, and this source looks where it lies
   */
  constructor(context: Context, prefix: string, isOurs: (key: string) => boolean) {
    this.#context = context;
    this.#prefix = prefix;
    this.#isOurs = isOurs;
    this.#after = prefix;
  }

  /** A look that is not ended, since it failed, is begun again. */
  beginLook(): void {
    this.#missing.clear();
    this.#noted.clear();
    this.#last = undefined;
    const [prefix, after] = [this.#prefix, this.#after];
    if (performance.now() < this.#roundAtMs) return;
    const { store, pipeline } = this.#context;
    const page = store.positions(pipeline, { prefix, after, limit: PAGE });
    this.#last = page.length < PAGE ? prefix : page.at(-1)?.source;
    for (const { source, isGone } of page) {
      const key = source.slice(prefix.length);
      if (source === SCHEDULE || !this.#isOurs(key)) continue;
      this.#missing.add(key);
      if (isGone) this.#noted.add(key);
    }
  }

  /** A file lies there, whatever has become of it. */
  see(key: string): void {
    this.#missing.delete(key);
  }

  /** Below this part of a key nothing could be looked at: nobody knows what lies there. */
  overlook(part: string): void {
    for (const keys of [this.#missing, this.#noted]) for (const key of keys) if (key.startsWith(part)) keys.delete(key);
  }

  async endLook(): Promise<void> {
    const [missing, noted] = [this.#missing, this.#noted];
    const changed = [
      ...[...missing].filter((key) => !noted.has(key)).map((key) => [key, true] as const),
      ...[...noted].filter((key) => !missing.has(key)).map((key) => [key, false] as const),
    ];
    this.#after = this.#last ?? this.#after;
    if (this.#last === this.#prefix) this.#roundAtMs = performance.now() + ROUND_MS;
    if (changed.length === 0) return;
    const { store, pipeline } = this.#context;
    await store.commit([
      (transaction) => {
        for (const [key, isGone] of changed) transaction.positionGone(pipeline, `${this.#prefix}${key}`, isGone);
      },
    ]);
  }
}
