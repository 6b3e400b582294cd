import type { Random } from './random.js';

const BLOCK = 8;
/** Each block is one grey: its mean alone is coded, as the difference to the block before, in at most so many bits. */
const CATEGORY_MAX = 7;
const QUANTIZER = 8;

/** A JPEG that every viewer opens: a mosaic of grey blocks, another one each time. About 1.3 bytes a block. */
export function photo(random: Random, width: number, height: number): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, [0, ...new Array<number>(64).fill(QUANTIZER)]),
    segment(0xc0, [8, ...word(height * BLOCK), ...word(width * BLOCK), 1, 1, 0x11, 0]),
    segment(0xc4, [0x00, ...codeTable(0, 1, 2, 3, 4, 5, 6, CATEGORY_MAX)]), // of means
    segment(0xc4, [0x10, ...codeTable(0)]), // of the rest: there is none
    segment(0xda, [1, 1, 0, 0, 63, 0]),
    greys(random, width * height),
    Buffer.from([0xff, 0xd9]),
  ]);
}

function greys(random: Random, blocks: number): Buffer {
  const bits = new Bits();
  let mean = 0;
  for (let block = 0; block < blocks; block += 1) {
    const next = random.integer(-63, 63);
    const difference = next - mean;
    mean = next;
    const category = difference === 0 ? 0 : Math.floor(Math.log2(Math.abs(difference))) + 1;
    bits.add(category, 4);
    bits.add(difference > 0 ? difference : difference + 2 ** category - 1, category);
    bits.add(0, 4); // end of block
  }
  return bits.end();
}

/** Huffman codes of four bits each: the first is 0000, and none is 1111, as JPEG wants it. */
const codeTable = (...values: number[]): number[] => {
  const lengths = new Array<number>(16).fill(0);
  lengths[3] = values.length;
  return [...lengths, ...values];
};

const word = (value: number): number[] => [value >> 8, value & 0xff];
const segment = (marker: number, content: number[]): Buffer =>
  Buffer.from([0xff, marker, ...word(content.length + 2), ...content]);

/** Bits in bytes, the highest first; a byte 0xff is followed by a zero, so that it is no marker. */
class Bits {
  readonly #bytes: number[] = [];
  #current = 0;
  #count = 0;

  add(value: number, bits: number): void {
    for (let bit = bits - 1; bit >= 0; bit -= 1) {
      this.#current = (this.#current << 1) | ((value >> bit) & 1);
      this.#count += 1;
      if (this.#count === 8) this.#flush();
    }
  }

  end(): Buffer {
    while (this.#count > 0) this.add(1, 1);
    return Buffer.from(this.#bytes);
  }

  #flush(): void {
    this.#bytes.push(this.#current);
    if (this.#current === 0xff) this.#bytes.push(0);
    this.#current = 0;
    this.#count = 0;
  }
}
