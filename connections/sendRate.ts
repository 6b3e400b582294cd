import { setTimeout as pause } from 'node:timers/promises';

const WINDOW_MS = 1000;

/**
 * Never more than `perSecond` messages in any second, by the receiver's count too. There are that many places; a message
 * takes one, and it is free again a second after the message has been answered. The receiver saw it before that, and the
 * next one on the place comes after it, so one place gives at most one message a second, however long each was on its way.
 * Places are given in the order they were asked for. (A message given up at its deadline counts from then; whether the
 * receiver still comes to see it, nobody can know.)
 */
export class SendRate {
  /** From when each place not in use is free, earliest first. */
  readonly #freeFrom: number[];
  #queue: Promise<unknown> = Promise.resolve();
  #given: (() => void) | undefined;

  constructor(perSecond: number) {
    this.#freeFrom = new Array<number>(perSecond).fill(0);
  }

  /** Runs `send` when it has a place. Rejects with the signal's reason where that comes first; an abort is for good. */
  async run<Result>(send: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const turn = this.#queue.then(() => this.#take(signal));
    this.#queue = turn.catch(() => undefined);
    await turn;
    try {
      return await send();
    } finally {
      this.#freeFrom.push(performance.now() + WINDOW_MS);
      this.#given?.();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    while (this.#freeFrom.length === 0) {
      await new Promise<void>((resolve) => {
        this.#given = resolve; // every message ends by its own deadline
      });
    }
    const free = this.#freeFrom.shift() ?? 0;
    // in a loop: timers may fire early by a fraction of a millisecond
    for (let now = performance.now(); now < free; now = performance.now()) {
      await pause(Math.ceil(free - now), undefined, { signal });
    }
    signal.throwIfAborted();
  }
}
