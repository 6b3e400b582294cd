import { type Static, Type } from '../contract/schema.js';
import { callerOf } from './callerOf.js';

export const LockoutOptions = Type.Object(
  {
    failures: Type.Integer({
      default: 100,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Answers 401 to one address (of IPv6 to one network of 64 bits), after which it is shut out.',
    }),
    withinMs: Type.Integer({ default: 60_000, minimum: 1, maximum: 86_400_000, description: 'Counted over so long.' }),
    forMs: Type.Integer({
      default: 60_000,
      minimum: 0,
      maximum: 86_400_000,
      description: 'Shut out for so long; 0: never.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'Who guesses passwords is cut before the handshake for a while. By address, so that nobody can shut out another.',
  },
);

/** Addresses remembered at once; beyond it the oldest is forgotten. */
const ADDRESSES_MAX = 10_000;

interface Count {
  failures: number;
  /** When the first of them came, and until when the address is shut out. */
  sinceMs: number;
  untilMs: number;
}

/** Counts refused logins by address (against guessing; the notice's 401 is answered until then). */
export class Lockout {
  readonly #options: Static<typeof LockoutOptions>;
  readonly #counts = new Map<string, Count>();

  constructor(options: Static<typeof LockoutOptions>) {
    this.#options = options;
  }

  /** True when this failure is the one too many. */
  failed(address: string, nowMs: number): boolean {
    const { failures, withinMs, forMs } = this.#options;
    const caller = callerOf(address);
    const known = this.#counts.get(caller);
    const anew = { failures: 0, sinceMs: nowMs, untilMs: known && nowMs < known.untilMs ? known.untilMs : 0 };
    const count = known && nowMs - known.sinceMs < withinMs ? known : anew;
    count.failures += 1;
    this.#counts.delete(caller);
    this.#counts.set(caller, count); // at the end: the oldest stands in front
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > ADDRESSES_MAX && oldest !== undefined) this.#counts.delete(oldest);
    if (count.failures < failures || forMs === 0 || nowMs < count.untilMs) return false;
    count.untilMs = nowMs + forMs;
    return true;
  }

  isOut(address: string, nowMs: number): boolean {
    const caller = callerOf(address);
    const count = this.#counts.get(caller);
    if (!count || count.untilMs === 0) return false;
    if (nowMs < count.untilMs) return true;
    this.#counts.delete(caller);
    return false;
  }
}
