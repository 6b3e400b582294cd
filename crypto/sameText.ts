import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares what was given with a secret, in the same time wherever they differ and whatever their lengths. */
export function sameText(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
