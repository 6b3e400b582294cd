import { Receipt } from '../contract/receipt.js';
import type { Store } from '../contract/store.js';

/** Cards with an item on its way, by store: all kernels of a process see one another's. */
const busyCards = new WeakMap<Store, Map<string, Promise<void>>>();

/**
 * One item of a card at a time, from the moment its state is read until what was made of it is on the disk. Otherwise two
 * sides of a card that come at the same moment would each miss the other, and a card's operations could change places.
 */
export class CardTurns {
  readonly #busy: Map<string, Promise<void>>;
  readonly #held = new Set<() => void>();

  constructor(store: Store) {
    this.#busy = busyCards.get(store) ?? new Map();
    busyCards.set(store, this.#busy);
  }

  /** Settles when the item of this card that is on its way has; undefined where there is none. Ask again afterwards. */
  before(iccid: string): Promise<void> | undefined {
    return this.#busy.get(iccid);
  }

  /** Takes the card's turn until the receipt that comes back settles, which settles the given one. */
  take(iccid: string, receipt: Receipt): Receipt {
    let free: () => void = () => {};
    const turn = new Promise<void>((resolve) => {
      free = resolve;
    });
    const release = () => {
      this.#held.delete(release);
      if (this.#busy.get(iccid) === turn) this.#busy.delete(iccid);
      free();
    };
    this.#busy.set(iccid, turn);
    this.#held.add(release);
    return new Receipt((error) => {
      release();
      if (error) receipt.failed(error);
      else receipt.arrived();
    });
  }

  /** Ends the turns taken here whose receipts will never settle: the run has been broken off. */
  releaseAll(): void {
    for (const release of [...this.#held]) release();
  }
}
