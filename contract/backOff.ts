import { randomInt } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

export interface BackOffBounds {
  delayMsMin: number;
  delayMsMax: number;
}

/** Exponential back-off with full jitter: somewhere between nothing and the bound that doubles with each attempt (from 1). */
export function backOffMs(attempt: number, bounds: BackOffBounds): number {
  const bound = Math.min(bounds.delayMsMax, bounds.delayMsMin * 2 ** Math.min(attempt - 1, 30));
  return randomInt(0, Math.max(1, Math.floor(bound)) + 1);
}

/** Waits before the next attempt; an abort ends the waiting, and the caller finds out from its signal. */
export async function backOff(attempt: number, bounds: BackOffBounds, signal: AbortSignal): Promise<void> {
  await pause(backOffMs(attempt, bounds), undefined, { signal }).catch(() => undefined);
}
