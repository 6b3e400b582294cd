import type { Clock } from '../contract/context.js';

/** How often a long wait looks at the clock: it may be set meanwhile, and a machine that sleeps stops its timers. */
const LOOK_MS = 60_000;

/** The machine's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  until: async (timeMs, signal) => {
    for (let left = timeMs - Date.now(); left > 0; left = timeMs - Date.now()) {
      await wait(Math.min(left, LOOK_MS), signal);
    }
    signal?.throwIfAborted();
  },
};

function wait(durationMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(done, durationMs);
    function done() {
      signal?.removeEventListener('abort', abort);
      resolve();
    }
    function abort() {
      clearTimeout(timer);
      reject(signal?.reason);
    }
    signal?.addEventListener('abort', abort, { once: true });
  });
}

/** A clock that stands still until it is set: the demo closes a day and a month with it. */
export class SimulatedClock implements Clock {
  #now: number;
  readonly #waiting = new Set<{ timeMs: number; wake: () => void }>();

  constructor(startMs: number) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  /** Moves time forward and wakes everybody whose time has come. */
  set(timeMs: number): void {
    this.#now = Math.max(this.#now, timeMs);
    for (const waiter of [...this.#waiting]) {
      if (waiter.timeMs <= this.#now) waiter.wake();
    }
  }

  until(timeMs: number, signal?: AbortSignal): Promise<void> {
    if (timeMs <= this.#now) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiting.delete(waiter);
        signal?.removeEventListener('abort', abort);
      };
      const abort = () => {
        leave();
        reject(signal?.reason);
      };
      const waiter = {
        timeMs,
        wake: () => {
          leave();
          resolve();
        },
      };
      if (signal?.aborted) return reject(signal.reason);
      this.#waiting.add(waiter);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
