/** What the counts of a row rise by, and when: what a transaction writes is accepted at one time. */
export interface Rise {
  count: number;
  bytes: number;
  at: number;
}

/**
 * Counts that the items of a transaction raise. Each row is written once, at the transaction's end: hundreds of items share
 * it, and a write for each of them would take as long as the item's own.
 */
export class Tally<Key extends readonly string[]> {
  readonly #write: (key: Key, rise: Rise) => void;
  #raised: { key: Key; bytes: number; at: number }[] = [];

  constructor(write: (key: Key, rise: Rise) => void) {
    this.#write = write;
  }

  raise(key: Key, bytes: number, at: number): void {
    this.#raised.push({ key, bytes, at });
  }

  /** For `undo`: everything so far. */
  get mark(): number {
    return this.#raised.length;
  }

  /** Forgets what was raised since then. */
  undo(mark: number): void {
    this.#raised.length = mark;
  }

  /** Writes what was raised, and begins anew. */
  write(): void {
    if (this.#raised.length === 0) return;
    const rises = new Map<string, { key: Key; rise: Rise }>();
    for (const { key, bytes, at } of this.#raised) {
      const name = key.join('\0');
      const known = rises.get(name) ?? { key, rise: { count: 0, bytes: 0, at } };
      known.rise.count += 1;
      known.rise.bytes += bytes;
      rises.set(name, known);
    }
    this.#raised = [];
    for (const { key, rise } of rises.values()) this.#write(key, rise);
  }
}
