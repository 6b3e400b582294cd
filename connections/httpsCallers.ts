import { callerOf } from './callerOf.js';

/** Of one address the log is told at most once in so long, and of so many addresses in that time. */
const TOLD_MS = 60_000;
const TOLD_MAX = 1_000;

/** The connections that each address holds, so that none uses up what all share. */
export class Callers {
  readonly #perAddressMax: number;
  /** No more entries than the listener has connections. */
  readonly #open = new Map<string, number>();
  /** When the log was told of an address, the longest ago in front. */
  readonly #toldMs = new Map<string, number>();

  constructor(perAddressMax: number) {
    this.#perAddressMax = perAddressMax;
  }

  /** Counts a connection, until it leaves; false, and not counted, where its address holds as many as it may. */
  enter(address: string): boolean {
    const caller = callerOf(address);
    const open = this.#open.get(caller) ?? 0;
    if (open >= this.#perAddressMax) return false;
    this.#open.set(caller, open + 1);
    return true;
  }

  /** A connection that had entered is closed. */
  leave(address: string): void {
    const caller = callerOf(address);
    const open = this.#open.get(caller) ?? 0;
    if (open > 1) this.#open.set(caller, open - 1);
    else this.#open.delete(caller);
  }

  /** Whether the log is to be told that a connection of this address was dropped: a flood must not fill the log instead. */
  isNews(address: string, nowMs: number): boolean {
    for (const [caller, toldMs] of this.#toldMs) {
      if (nowMs - toldMs < TOLD_MS) break;
      this.#toldMs.delete(caller);
    }
    const caller = callerOf(address);
    if (this.#toldMs.has(caller) || this.#toldMs.size >= TOLD_MAX) return false;
    this.#toldMs.set(caller, nowMs);
    return true;
  }
}
