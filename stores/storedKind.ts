import type { NewRecord } from '../contract/store.js';

/** What counts as reported stands under a kind of its own, which no window covers. */
export function storedKind({ kind, reported }: Pick<NewRecord, 'kind' | 'reported'>): string {
  return reported ? `${kind} reported` : kind;
}
