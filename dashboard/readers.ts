import type { Socket } from 'node:net';

/** The page asks for its list every few seconds, which is one look. */
const LOOK_MS = 600_000;
const READERS_MAX = 1_000;

/** Who calls, as the audit log names it. */
export const callerOf = ({ remoteAddress }: Socket): string =>
  remoteAddress === undefined ? 'control socket' : `dashboard ${remoteAddress}`;

/** Who has been noted to look at a list that is asked for again and again: once in ten minutes. */
export class Readers {
  readonly #notedMs = new Map<string, number>();

  isNew(who: string): boolean {
    const nowMs = performance.now();
    if (nowMs - (this.#notedMs.get(who) ?? Number.NEGATIVE_INFINITY) < LOOK_MS) return false;
    this.#notedMs.delete(who); // the latest stands last
    this.#notedMs.set(who, nowMs);
    const [oldest] = this.#notedMs.keys();
    if (this.#notedMs.size > READERS_MAX && oldest !== undefined) this.#notedMs.delete(oldest);
    return true;
  }
}
