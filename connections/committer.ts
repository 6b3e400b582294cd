import type { Held } from '../contract/receipt.js';
import type { Mark, RdConsumer } from './rdkafka.js';

/** What may be committed at once. */
export interface Batch {
  writes: readonly Held[];
  /** The offsets of the group once these writes are done. */
  marks: readonly Mark[];
  client: RdConsumer;
  /** Whether all of its partitions are still those of this process. */
  isOurs(): boolean;
  /** To be called when it has been. */
  committed(): void;
}

/** A consumer that leaves it to its pipeline's sink to commit. */
export interface Committed {
  /** @returns undefined where nothing has changed */
  batch(writesMax: number): Batch | undefined;
}

/** Commits offsets in place of their consumer, together with what was made of the messages. */
export interface Committer {
  /** What the consumer's messages have become is held back for it from now on. */
  follow(consumer: Committed): void;
  /** There may be something to commit. */
  soon(): void;
  /** Commits what may be committed; resolves when that is over, well or not. */
  commit(): Promise<void>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}
