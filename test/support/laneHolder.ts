import type { LaneUser } from '../../connections/lanesConnection.js';

/** A user that has a connection, as far as the lanes know. It may be asked to close while it was asked before. */
export class Holder implements LaneUser {
  vacating = false;
  hurried = false;
  isBusy = true;
  grew = 0;
  readonly #closesInMs: number;
  readonly #asked = new Set<() => void>();

  /** @param closesInMs how long its connection takes to close when it is broken off */
  constructor(closesInMs = 0) {
    this.#closesInMs = closesInMs;
  }

  vacate(hurry: AbortSignal): Promise<void> {
    this.vacating = true;
    const late = () => {
      this.hurried = true;
      if (this.#closesInMs > 0) setTimeout(() => this.done(), this.#closesInMs);
      else this.done();
    };
    const closed = new Promise<void>((resolve) => this.#asked.add(resolve));
    hurry.addEventListener('abort', late, { once: true });
    if (hurry.aborted) late();
    return closed;
  }

  grown(): void {
    this.grew += 1;
    this.isBusy = true;
  }

  /** What it was doing is done. */
  done(): void {
    this.isBusy = false;
    for (const resolve of this.#asked) resolve();
    this.#asked.clear();
  }
}
