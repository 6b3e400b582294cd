/** One change of a name at a time, in the order in which they were asked for. */
export class NameTurns {
  /** Settles when the last that was asked for is done; absent where there is none. */
  readonly #last = new Map<string, Promise<void>>();

  /** @param signal ends the waiting, and `work`, which looks at it, goes on at once */
  async alone<Result>(name: string, work: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const before = this.#last.get(name);
    let leave: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      leave = resolve;
    });
    const last = before ? before.then(() => done) : done;
    this.#last.set(name, last);
    void last.then(() => this.#last.get(name) === last && this.#last.delete(name));
    try {
      if (before) await orAbort(before, signal);
      return await work();
    } finally {
      leave();
    }
  }
}

function orAbort(before: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = () => {
      signal?.removeEventListener('abort', over);
      resolve();
    };
    if (signal?.aborted) return over();
    signal?.addEventListener('abort', over, { once: true });
    void before.then(over);
  });
}
