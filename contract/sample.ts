import type { JsonObject } from './tags.js';

/** A record drawn for a reviewer (article 10). */
export interface NewSample {
  pipeline: string;
  requestId?: string;
  code?: string;
  /** To find it by when the card is purged; never shown. */
  iccid?: string;
  /** Masked. */
  record: JsonObject;
}

export interface Sample extends Omit<NewSample, 'iccid'> {
  id: number;
  drawnAt: number;
  state: 'open' | 'reviewed';
  verdict?: Verdict;
  note?: string;
  reviewedAt?: number;
}

/** `wrong`: what the record says is not so. */
export type Verdict = 'right' | 'wrong';

export interface Samples {
  /** The key of the draw: drawn with the archive and kept in it, so that a sender cannot tell what will be looked at. */
  key(): Uint8Array;
  /** Those with an id above `afterId`, oldest first, at most `limit`. */
  list(filter: { state?: Sample['state']; afterId?: number; limit: number }): Sample[];
  get(id: number): Sample | undefined;
  /** The last word stays. @returns whether there is such a sample */
  review(id: number, verdict: Verdict, note: string | undefined): boolean;
}
