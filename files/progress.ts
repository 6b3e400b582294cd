import type { Transaction } from '../contract/store.js';
import type { Start } from './rows.js';

/** A row on its way. */
export interface Step {
  readonly next: Start;
  /** Handled for good. */
  done: boolean;
  /** The transaction in which it is stored, which may still fail. */
  transaction: number;
}

/** How many handled steps are kept before the list is cut. */
const SLACK = 1024;

/**
 * How far a file has been handled: up to the lowest row that is still on its way. Rows settle in any order. Where a row is
 * stored, the position moves on in the same transaction, so that after a crash none is read twice and none left out.
 */
export class Progress {
  #steps: Step[] = [];
  #head = 0;
  #reached: Start;
  #stored: Start;
  /** The transaction under way: the line that the ledger had before, and the first step that is not stored with it. */
  #under = { transaction: 0, line: 0, index: 0 };

  constructor(start: Start) {
    this.#reached = start;
    this.#stored = start;
  }

  get underWay(): number {
    return this.#steps.length - this.#head;
  }

  /** Rows handled that the ledger does not know of. */
  get behind(): number {
    return this.#reached.line - this.#stored.line;
  }

  begin(next: Start): Step {
    const step = { next, done: false, transaction: 0 };
    this.#steps.push(step);
    return step;
  }

  finish(step: Step): void {
    step.done = true;
    for (let first = this.#steps[this.#head]; first?.done; first = this.#steps[this.#head]) {
      this.#reached = first.next;
      this.#head += 1;
    }
    if (this.#head < SLACK || this.#head * 2 < this.#steps.length) return;
    this.#steps = this.#steps.slice(this.#head);
    this.#head = 0;
  }

  /**
   * Inside a transaction: gives the position that holds if it is committed, with the step that is stored in it. It never goes
   * back: the rows of a transaction before this one are told as handled only when the disk has turned, which may be later.
   * @param lineInLedger up to which line the rows are stored; asked once in a transaction
   */
  reachedIn({ id }: Transaction, lineInLedger: () => number, step?: Step): Start {
    if (step) step.transaction = id;
    if (this.#under.transaction !== id) this.#under = { transaction: id, line: lineInLedger(), index: this.#head };
    const under = this.#under;
    for (; ; under.index += 1) {
      const next = this.#steps[under.index];
      if (!next || !(next.done || next.transaction === id || next.next.line <= under.line)) break;
    }
    const reached = under.index > this.#head ? this.#steps[under.index - 1]!.next : this.#reached;
    this.#stored = reached;
    return reached;
  }
}
