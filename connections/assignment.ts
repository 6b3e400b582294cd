import type { Held } from '../contract/receipt.js';
import type { Batch } from './committer.js';
import { Offsets } from './offsets.js';
import { keyOf, type Mark, type Place } from './rdkafka.js';

/** A partition as long as it is ours. */
export interface Partition extends Place {
  offsets: Offsets;
  /** Committed, or asked to be. */
  committed: number | undefined;
  isLost: boolean;
}

/** The partitions of a group's member: how far each has been handled, and committed. */
export class Assignment {
  readonly #partitions = new Map<string, Partition>();

  get(place: Place): Partition | undefined {
    return this.#partitions.get(keyOf(place));
  }

  add(places: readonly Place[]): Partition[] {
    const added = places.map(({ topic, partition }) => {
      return { topic, partition, offsets: new Offsets(), committed: undefined, isLost: false };
    });
    for (const partition of added) this.#partitions.set(keyOf(partition), partition);
    return added;
  }

  /** Whether something has not settled. */
  get isBusy(): boolean {
    return [...this.#partitions.values()].some(({ offsets }) => offsets.underWay > 0);
  }

  /** Whether something that has settled is not committed. */
  get isBehind(): boolean {
    return [...this.#partitions.values()].some(({ offsets, committed }) => offsets.next !== committed);
  }

  /** What has settled and has not been asked for; it has been from now on. */
  settled(): Mark[] {
    const marks: Mark[] = [];
    for (const partition of this.#partitions.values()) {
      const { next } = partition.offsets;
      if (next === undefined || next === partition.committed) continue;
      partition.committed = next;
      marks.push({ topic: partition.topic, partition: partition.partition, offset: next });
    }
    return marks;
  }

  /** To be asked for again, with what has settled by then. */
  refused(marks: readonly Mark[]): void {
    for (const mark of marks) {
      const partition = this.get(mark);
      if (partition) partition.committed = undefined;
    }
  }

  /** What a transaction may take, of about `writesMax` writes; undefined where nothing has changed. */
  batch(writesMax: number): Omit<Batch, 'client'> | undefined {
    const writes: Held[] = [];
    const marks: Mark[] = [];
    const taking: [Partition, number][] = [];
    for (const partition of this.#partitions.values()) {
      const { next, held } = partition.offsets.within(writesMax - writes.length);
      if (partition.isLost || next === undefined || next === partition.committed) continue;
      writes.push(...held);
      marks.push({ topic: partition.topic, partition: partition.partition, offset: next });
      taking.push([partition, next]);
    }
    if (marks.length === 0) return undefined;
    const isOurs = () => taking.every(([{ isLost }]) => !isLost);
    const committed = () => {
      for (const [partition, next] of taking) partition.committed = next;
    };
    return { writes, marks, isOurs, committed };
  }

  /** They go to somebody else. */
  lose(): void {
    for (const partition of this.#partitions.values()) partition.isLost = true;
  }

  /** @returns what was held back, and nobody here will write */
  clear(): Held[] {
    const held = [...this.#partitions.values()].flatMap(({ offsets }) => offsets.held);
    this.#partitions.clear();
    return held;
  }
}
