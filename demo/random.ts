/** What a number is drawn for; each draws from a stream of its own, so that one asking more does not change the others. */
export const STREAMS = { person: 1, company: 2, registration: 3, vehicle: 4, card: 5, photo: 6 } as const;

/**
 * Numbers that depend on the three words alone (sfc32): the same seed, stream and index give the same numbers, whoever
 * asked for what before. For demonstrations and benches; no secret may come from here.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, stream: number, index: number) {
    this.#a = seed | 0;
    this.#b = stream | 0;
    this.#c = index | 0;
    for (let round = 0; round < 12; round += 1) this.next(); // until every bit has touched every other
  }

  /** 0 to 2³² − 1. */
  next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A whole number, both ends included. */
  integer(min: number, max: number): number {
    return min + Math.floor((this.next() / 2 ** 32) * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability * 2 ** 32;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.integer(0, values.length - 1)]!;
  }

  digits(count: number): string {
    return Array.from({ length: count }, () => this.integer(0, 9)).join('');
  }
}

/**
 * A different number below `size` for each index below `size`, far from that of its neighbours: for serial numbers, which
 * must not repeat. `step` shares no factor with `size`, and index × step stays below 2⁵³.
 */
export function spread(index: number, step: number, size: number): number {
  return (index * step) % size;
}
