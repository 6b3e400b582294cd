import type { IovError } from './error.js';

/**
 * A receipt tells a source that its item has arrived (is durable at the sink) or has failed, exactly once.
 * What splits an item shares its receipt; what joins items joins their receipts. Nothing acknowledges early.
 */
export class Receipt {
  #settle: ((error: IovError | undefined) => void) | undefined;

  constructor(settle: (error: IovError | undefined) => void) {
    this.#settle = settle;
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
  readonly #whole: Receipt;

  constructor(whole: Receipt) {
    this.#whole = whole;
  }

  part(): Receipt {
    this.#open += 1;
    return new Receipt((error) => this.#done(error));
  }

  /** No more parts will be asked for. */
  close(): void {
    this.#done(undefined);
  }

  #done(error: IovError | undefined): void {
    this.#error ??= error;
    this.#open -= 1;
    if (this.#open > 0) return;
    if (this.#error) this.#whole.failed(this.#error);
    else this.#whole.arrived();
  }
}
