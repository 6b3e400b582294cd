import type { IovError } from './error.js';

/** A write that a sink holds back until a transaction of its source takes it. */
export interface Held {
  /** It has been done or has failed: its receipt is about to settle. */
  readonly isOver: boolean;
  /** To be told once: it has arrived, or is taken over by whoever reads its item again. */
  arrived(): void;
}

/**
 * A receipt tells a source that its item has arrived (is durable at the sink) or has failed, exactly once.
 * What splits an item shares its receipt; what joins items joins their receipts. Nothing acknowledges early.
 */
export class Receipt {
  #settle: ((error: IovError | undefined) => void) | undefined;
  readonly #hold: ((writes: readonly Held[]) => void) | undefined;

  /** @param hold of a source with transactions: told what is held once that is all that came of its item and has not settled */
  constructor(settle: (error: IovError | undefined) => void, hold?: (writes: readonly Held[]) => void) {
    this.#settle = settle;
    this.#hold = hold;
  }

  /** Whether a sink may hold its write back until the source's transaction takes it. */
  get canHold(): boolean {
    return this.#hold !== undefined;
  }

  hold(writes: readonly Held[]): void {
    this.#hold?.(writes);
  }

  get settled(): boolean {
    return this.#settle === undefined;
  }

  arrived(): void {
    this.#finish(undefined);
  }

  failed(error: IovError): void {
    this.#finish(error);
  }

  /** Shares of this receipt: it settles once the share is closed and every part has settled; the first failure wins. */
  share(): Share {
    return new Share(this);
  }

  /** One receipt for many: it settles them all alike. */
  static join(receipts: readonly Receipt[]): Receipt {
    return new Receipt((error) => {
      for (const receipt of receipts) {
        if (error) receipt.failed(error);
        else receipt.arrived();
      }
    });
  }

  #finish(error: IovError | undefined): void {
    const settle = this.#settle;
    if (!settle) return; // a second word about the same item changes nothing
    this.#settle = undefined;
    settle(error);
  }
}

/** The parts of a receipt whose item was split. */
export class Share {
  #open = 1; // the share itself, until close()
  #error: IovError | undefined;
  /** What is held back of parts that have not settled. */
  #held: Map<Receipt, readonly Held[]> | undefined;
  readonly #whole: Receipt;

  constructor(whole: Receipt) {
    this.#whole = whole;
  }

  part(): Receipt {
    this.#open += 1;
    if (!this.#whole.canHold) return new Receipt((error) => this.#done(error));
    const part: Receipt = new Receipt(
      (error) => {
        this.#held?.delete(part);
        this.#done(error);
      },
      (writes) => {
        this.#held = (this.#held ?? new Map()).set(part, writes);
        this.#holdAll();
      },
    );
    return part;
  }

  /** No more parts will be asked for. */
  close(): void {
    this.#done(undefined);
  }

  #done(error: IovError | undefined): void {
    this.#error ??= error;
    this.#open -= 1;
    if (this.#open > 0) this.#holdAll();
    else if (this.#error) this.#whole.failed(this.#error);
    else this.#whole.arrived();
  }

  /** Of an item that will be taken up again nothing may be written. */
  #holdAll(): void {
    if (this.#held?.size === this.#open && !this.#error?.retryable) this.#whole.hold([...this.#held.values()].flat());
  }
}
