import type { Stretch } from '../contract/store.js';

/** Records of a stretch that are read at once. */
export interface Range {
  /** Where the first one stands in the stretch. */
  index: number;
  /** Positions of the first and the last one. */
  first: number;
  last: number;
  /** With a newline after each. */
  bytes: number;
}

/** Records `from` (included) to `to` (excluded) in ranges of about `bytesMax`. */
export function* rangesOf({ positions, sizes }: Stretch, from: number, to: number, bytesMax: number): Generator<Range> {
  for (let index = from; index < to; ) {
    let bytes = 0;
    let next = index;
    while (next < to && bytes < bytesMax) {
      bytes += (sizes[next] ?? 0) + 1;
      next += 1;
    }
    yield { index, first: positions[index] ?? 0, last: positions[next - 1] ?? 0, bytes };
    index = next;
  }
}
