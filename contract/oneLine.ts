import type { Lines } from './item.js';

/** A block of one ordered, encoded record, held in memory. */
class OneLine implements Lines {
  readonly count = 1;
  readonly residentBytes: number;
  readonly #bytes: Uint8Array;
  readonly #position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#position = position;
    this.residentBytes = bytes.length;
  }

  sizeOf(): number {
    return this.#bytes.length;
  }

  positionOf(): number {
    return this.#position;
  }

  read(from: number, to: number): Uint8Array[] {
    return from <= 0 && to >= 1 ? [this.#bytes] : [];
  }
}

/**
 * One record on its way.
 * @param bytes UTF-8, without a separator
 * @param position where it stands in its source; 0 where that says nothing
 */
export function oneLine(bytes: Uint8Array, position = 0): Lines {
  return new OneLine(bytes, position);
}
