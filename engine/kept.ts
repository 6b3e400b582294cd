import { setMaxListeners } from 'node:events';
import { IovError } from '../contract/error.js';

interface Work {
  stopping: AbortController;
  /** Never rejects. */
  ended: Promise<void>;
  failure?: unknown;
}

/** Work that goes on by itself, by name: each until it ends, is stopped, or all of it is. */
export class Kept {
  readonly #stopAll: AbortSignal;
  readonly #works = new Map<string, Work>();
  /** Rises with everything that is waited for, so that `ended` knows that there is more. */
  #changes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(stopAll: AbortSignal) {
    this.#stopAll = stopAll;
    setMaxListeners(0, stopAll); // each work listens
  }

  get isStopping(): boolean {
    return this.#stopAll.aborted;
  }

  start(name: string, begin: (stop: AbortSignal) => Promise<void>): void {
    if (this.isStopping) return;
    this.#changes += 1;
    const stopping = new AbortController();
    const either = AbortSignal.any([this.#stopAll, stopping.signal]);
    setMaxListeners(0, either); // each wait of a schedule listens
    const work: Work = { stopping, ended: Promise.resolve() };
    work.ended = begin(either).catch((thrown: unknown) => {
      work.failure = thrown;
    });
    this.#works.set(name, work);
  }

  /** Stops some of it; resolves when it has ended, and is forgotten with what came of it. */
  async stop(names: readonly string[]): Promise<void> {
    const works = names.flatMap((name) => this.#works.get(name) ?? []);
    for (const { stopping } of works) stopping.abort(new IovError('STOPPED', 'stopped by a reload'));
    await Promise.all(works.map(({ ended }) => ended));
    for (const name of names) this.#works.delete(name);
  }

  /** Changes what is kept, after the changes that were asked for before; `ended` waits for it. */
  change<Result>(change: () => Promise<Result>): Promise<Result> {
    this.#changes += 1;
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  /**
   * Resolves when all of it has ended, also what was started meanwhile.
   * @throws what the first one threw; one that ends badly does not take the others with it
   */
  async ended(): Promise<void> {
    for (let seen = -1; seen !== this.#changes; ) {
      seen = this.#changes;
      await Promise.all([this.#turn, ...[...this.#works.values()].map(({ ended }) => ended)]);
    }
    const failed = [...this.#works.values()].find((work) => 'failure' in work);
    if (failed) throw failed.failure;
  }
}
