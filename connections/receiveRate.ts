import type { Peer } from '../contract/peer.js';
import type { Store } from '../contract/store.js';

/** It is counted in millionths of a message and in microseconds: whole numbers, so that rounding takes nothing away. */
const MESSAGE = 1_000_000;

/**
 * What is taken from a peer: `perSecond` messages a second and, after a pause, as many at once. Whoever sends never more
 * than that in any second (SendRate) is always served.
 */
export class ReceiveRate {
  readonly perSecond: number;
  /** Messages that may come now; grows again with time. */
  #left: number;
  #asOfUs = 0;

  constructor(perSecond: number) {
    this.perSecond = perSecond;
    this.#left = perSecond * MESSAGE;
  }

  /** Counts a message; false, and not counted, where it is one too many. */
  take(nowMs: number): boolean {
    const nowUs = Math.round(nowMs * 1000);
    this.#left = Math.min(this.perSecond * MESSAGE, this.#left + (nowUs - this.#asOfUs) * this.perSecond);
    this.#asOfUs = nowUs;
    if (this.#left < MESSAGE) return false;
    this.#left -= MESSAGE;
    return true;
  }
}

/** By store and PlatformID: all pipelines of a process count together, before a reload and after it. */
const rates = new WeakMap<Store, Map<string, ReceiveRate>>();

/** The rate of a peer, one for all who ask beside the same store; undefined where the peer has none. */
export function receiveRateOf(
  { platformId, messagesPerSecondMax }: Pick<Peer, 'platformId' | 'messagesPerSecondMax'>,
  store: Store,
): ReceiveRate | undefined {
  if (messagesPerSecondMax === undefined) return undefined;
  const known = rates.get(store) ?? new Map<string, ReceiveRate>();
  rates.set(store, known);
  const rate = known.get(platformId);
  if (rate?.perSecond === messagesPerSecondMax) return rate;
  const changed = new ReceiveRate(messagesPerSecondMax);
  known.set(platformId, changed);
  return changed;
}
