import { IovError } from '../../contract/error.js';

/** Rows in ClickHouse's format RowBinary: numbers little-endian, a text as its length (LEB128) and its bytes. */
export class RowWriter {
  #buffer = Buffer.allocUnsafe(64 * 1024);
  #at = 0;

  get bytes(): number {
    return this.#at;
  }

  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.#room(size + 5);
    this.#length(size);
    this.#at += this.#buffer.write(value, this.#at);
  }

  blob(value: Uint8Array): void {
    this.#room(value.byteLength + 5);
    this.#length(value.byteLength);
    this.#buffer.set(value, this.#at);
    this.#at += value.byteLength;
  }

  /** UInt64 or Int64, exact up to 2^53. */
  number64(value: number): void {
    this.#room(8);
    this.#at = this.#buffer.writeBigInt64LE(BigInt(value), this.#at);
  }

  number32(value: number): void {
    this.#room(4);
    this.#at = this.#buffer.writeUInt32LE(value, this.#at);
  }

  /** What has been written; the writer is not used again. */
  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  #length(size: number): void {
    let rest = size;
    while (rest > 127) {
      this.#buffer[this.#at] = (rest & 127) | 128;
      this.#at += 1;
      rest >>>= 7;
    }
    this.#buffer[this.#at] = rest;
    this.#at += 1;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#buffer.length, this.#at + size));
    larger.set(this.#buffer.subarray(0, this.#at));
    this.#buffer = larger;
  }
}

/** A position and a size. */
const ROW_BYTES = 12;

/**
 * Positions and sizes, as `SELECT position, size … FORMAT RowBinary` gives them in order: 12 bytes a row. Each position once;
 * `repeated` where one came twice.
 * @throws IovError STORE_FAILED where it is not whole rows
 */
export function readSizes(bytes: Buffer): { positions: Float64Array; sizes: Uint32Array; repeated: boolean } {
  if (bytes.length % ROW_BYTES !== 0) {
    const rule = `expected rows of ${ROW_BYTES} bytes, got ${bytes.length} bytes`;
    throw new IovError('STORE_FAILED', `positions and sizes from ClickHouse: ${rule}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rows = bytes.length / ROW_BYTES;
  const positions = new Float64Array(rows);
  const sizes = new Uint32Array(rows);
  let count = 0;
  for (let row = 0; row < rows; row += 1) {
    const low = view.getUint32(row * ROW_BYTES, true);
    const position = view.getUint32(row * ROW_BYTES + 4, true) * 2 ** 32 + low;
    if (count > 0 && positions[count - 1] === position) continue; // inserted twice, and not merged yet
    positions[count] = position;
    sizes[count] = view.getUint32(row * ROW_BYTES + 8, true);
    count += 1;
  }
  return { positions: positions.subarray(0, count), sizes: sizes.subarray(0, count), repeated: count < rows };
}
