import { constants, deflateRawSync } from 'node:zlib';

/** Content is cut into blocks of this size; a chunk that is one already is not copied. */
export const BLOCK_BYTES = 512 * 1024;
/** So far back deflate looks for what it has seen. */
const WINDOW_BYTES = 32 * 1024;
/** A block of text comes out at once, in a buffer that is whole when it is given back. */
const OUTPUT_BYTES = 256 * 1024;
/** A deflate stream that ends without another byte. */
const NOTHING_MORE = Buffer.from([0x03, 0x00]);

/**
 * Deflates a stream block by block in this thread, a worker's own: Node's streams would hand each chunk to its thread pool, where
 * it waits beside what is more urgent, a flush of the ledger among it. A block knows the end of the one before it as its
 * dictionary and ends on a whole byte, so that all of them in a row are one deflate stream, as those of pigz are. Its bytes are a
 * function of level and content, however that was cut into chunks.
 */
export class Deflater {
  readonly #level: number;
  readonly #out: (bytes: Uint8Array) => void;
  /** The start of the next block, where its content came in smaller chunks. */
  #block: Uint8Array | undefined;
  #filled = 0;
  /** The end of the block before; kept in one place, since the block itself goes back to who fills it again. */
  readonly #before = Buffer.allocUnsafeSlow(WINDOW_BYTES);
  #beforeBytes = 0;

  /** @param out takes what is deflated over, in order */
  constructor(level: number, out: (bytes: Uint8Array) => void) {
    this.#level = level;
    this.#out = out;
  }

  write(content: Uint8Array): void {
    if (this.#filled === 0 && content.byteLength === BLOCK_BYTES) {
      this.#deflate(content);
      return;
    }
    this.#block ??= Buffer.allocUnsafeSlow(BLOCK_BYTES);
    for (let from = 0; from < content.byteLength; ) {
      const piece = content.subarray(from, from + BLOCK_BYTES - this.#filled);
      this.#block.set(piece, this.#filled);
      this.#filled += piece.byteLength;
      from += piece.byteLength;
      if (this.#filled === BLOCK_BYTES) this.#turn(this.#block);
    }
  }

  end(): void {
    if (this.#block) this.#turn(this.#block.subarray(0, this.#filled));
    this.#out(NOTHING_MORE);
  }

  #turn(block: Uint8Array): void {
    this.#filled = 0;
    if (block.byteLength > 0) this.#deflate(block);
  }

  #deflate(block: Uint8Array): void {
    const dictionary = this.#before.subarray(0, this.#beforeBytes);
    const options = { level: this.#level, chunkSize: OUTPUT_BYTES, finishFlush: constants.Z_SYNC_FLUSH };
    this.#out(deflateRawSync(block, dictionary.byteLength > 0 ? { ...options, dictionary } : options));
    const end = block.subarray(-WINDOW_BYTES);
    this.#before.set(end);
    this.#beforeBytes = end.byteLength;
  }
}
