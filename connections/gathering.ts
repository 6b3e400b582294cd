/**
 * Lets messages that are there wait a little for those that are arriving. A message costs a fraction when others run through
 * the chain beside it: what it needs is in the processor's caches, and they share one transaction and one flush to the disk.
 * PostgreSQL knows this as `commit_delay`. Where nobody else is arriving nobody waits.
 */
export class Gathering {
  readonly #forMs: number;
  readonly #arriving: () => number;
  #held: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param forMs so long one waits at most; 0: not at all
   * @param arriving how many are under way at the moment
   */
  constructor(forMs: number, arriving: () => number) {
    this.#forMs = forMs;
    this.#arriving = arriving;
  }

  /**
   * Resolves for all who wait at once: when nobody is arriving any more, or the first of them has waited long enough.
   * @param moreMayCome false where no other could be taken at the moment: then nobody waits for one
   */
  join(moreMayCome: boolean): Promise<void> | undefined {
    if (this.#forMs === 0) return undefined;
    const released = new Promise<void>((resolve) => {
      this.#held.push(resolve);
    });
    this.#timer ??= setTimeout(() => this.#release(), this.#forMs);
    if (moreMayCome) this.settle();
    else this.#release();
    return released;
  }

  /** To be called when somebody has arrived, or will not. */
  settle(): void {
    if (this.#held.length > 0 && this.#arriving() <= 0) this.#release();
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}
