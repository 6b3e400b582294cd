import type { Held } from '../contract/receipt.js';

/** A message on its way. */
export interface Step {
  readonly offset: number;
  settled: boolean;
  /** All that came of it and has not settled, held back for a transaction. */
  held?: readonly Held[];
}

/** How many settled steps are kept before the list is cut. */
const SLACK = 1024;

/**
 * How far a partition has been handled: up to the lowest offset that has not settled. Messages begin in rising order, with
 * gaps where a topic was compacted or has transactions, and settle in any.
 */
export class Offsets {
  #steps: Step[] = [];
  #head = 0;
  /** What comes after the last message that has settled with all before it. */
  #reached: number | undefined;

  /** @param first at which reading begins, where that is known before anything has come */
  constructor(first?: number) {
    this.#reached = first;
  }

  get underWay(): number {
    return this.#steps.length - this.#head;
  }

  /** The offset at which another reader would go on; undefined where nothing has begun. */
  get next(): number | undefined {
    return this.#steps[this.#head]?.offset ?? this.#reached;
  }

  /**
   * How far a transaction may go: up to the lowest offset of which something is still on its way elsewhere, and no further than
   * `most` writes, where one message's are not too many by themselves.
   */
  within(most: number): { next: number | undefined; held: Held[] } {
    const held: Held[] = [];
    for (let index = this.#head; index < this.#steps.length; index += 1) {
      const step = this.#steps[index]!;
      if (step.settled) continue;
      const isReady = step.held?.every(({ isOver }) => !isOver);
      const isTooMuch = held.length > 0 && held.length + (step.held?.length ?? 0) > most;
      if (!isReady || isTooMuch) return { next: step.offset, held };
      held.push(...(step.held ?? []));
    }
    const last = this.#steps.at(-1);
    return { next: last && this.underWay > 0 ? last.offset + 1 : this.#reached, held };
  }

  /** What is held and will be written by nobody here. */
  get held(): Held[] {
    return this.#steps.slice(this.#head).flatMap(({ held = [] }) => held.filter(({ isOver }) => !isOver));
  }

  begin(offset: number): Step {
    const step = { offset, settled: false };
    this.#steps.push(step);
    return step;
  }

  /**
   * Nothing is between what has begun and this offset, where the partition ends for now. An end that was told before messages
   * came that have begun says nothing more.
   */
  ended(offset: number): void {
    const last = this.#steps.at(-1);
    if (!last || last.offset < offset - 1) this.settle(this.begin(offset - 1));
  }

  settle(step: Step): void {
    step.settled = true;
    for (let first = this.#steps[this.#head]; first?.settled; first = this.#steps[this.#head]) {
      this.#reached = first.offset + 1;
      this.#head += 1;
    }
    if (this.#head < SLACK || this.#head * 2 < this.#steps.length) return;
    this.#steps = this.#steps.slice(this.#head);
    this.#head = 0;
  }
}
