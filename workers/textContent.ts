import type { Lines } from '../contract/item.js';
import { BLOCK_BYTES } from './deflater.js';

/** How records are written: one JSON object a line, or one array (interpretation.md, "JSON 格式封装"). */
export type Format = 'lines' | 'array';

/** Size of a chunk, but for the last one: what the deflater takes without a copy. */
export const CHUNK_BYTES = BLOCK_BYTES;
const FRAMES: Record<Format, { open: string; between: string; after: string; close: string }> = {
  lines: { open: '', between: '', after: '\n', close: '' },
  array: { open: '[', between: ',', after: '', close: ']' },
};

interface Part {
  block: Lines;
  from: number;
  to: number;
}

/**
 * The content of a text file while it is written: records go in at one end, chunks for the deflater come out at the other.
 * Blocks of an archive wait as references and are read when the deflater asks; records in memory are bounded by
 * `residentBytesMax`, and who appends waits for `ready`.
 */
export class TextContent implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly #format: Format;
  readonly #residentBytesMax: number;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #read = false;
  #parts: Part[] = [];
  #residentBytes = 0;
  #records = 0;
  #bytes = 0;
  #state: 'open' | 'closed' | 'discarded' = 'open';
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(format: Format, residentBytesMax: number) {
    this.#format = format;
    this.#residentBytesMax = residentBytesMax;
    this.#bytes = FRAMES[format].open.length + FRAMES[format].close.length;
  }

  get records(): number {
    return this.#records;
  }

  /** Bytes of the file as it will be written, separators included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What the file would grow by with one more record of this size. */
  growth(recordBytes: number): number {
    const frame = FRAMES[this.#format];
    return recordBytes + frame.after.length + (this.#records > 0 ? frame.between.length : 0);
  }

  /** Records `from` to `to` of a block; the caller has made sure that they fit. */
  append(block: Lines, from: number, to: number): void {
    for (let index = from; index < to; index += 1) {
      this.#bytes += this.growth(block.sizeOf(index));
      this.#records += 1;
    }
    if (this.#state === 'discarded') return;
    this.#parts.push({ block, from, to });
    this.#residentBytes += block.residentBytes;
    this.#wakeReader?.();
  }

  /** Something to wait for before the next append, or undefined. */
  get ready(): Promise<void> | undefined {
    if (this.#residentBytes <= this.#residentBytesMax) return undefined;
    return new Promise((resolve) => {
      this.#wakeWriter = resolve;
    });
  }

  close(): void {
    if (this.#state === 'open') this.#state = 'closed';
    this.#wakeReader?.();
  }

  abandon(error: Error): void {
    this.#error = error;
    this.#forget();
    this.#wakeReader?.();
  }

  discard(): void {
    this.#state = 'discarded';
    this.#forget();
  }

  /** Takes back a chunk that has been read: memory then stays the same however long the file is. */
  reuse(chunk: Uint8Array<ArrayBuffer>): void {
    if (!this.#read) this.#spare.push(chunk);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const frame = FRAMES[this.#format];
    const chunks = new Chunks(this.#spare);
    chunks.add(Buffer.from(frame.open));
    const between = Buffer.from(frame.between);
    const after = Buffer.from(frame.after);
    let first = true;
    for await (const part of this.#taken()) {
      if (this.#format === 'lines' && part.block.lines) {
        for await (const piece of part.block.lines(part.from, part.to)) {
          chunks.add(piece);
          if (chunks.full) yield* chunks.take();
        }
        continue;
      }
      for await (const record of part.block.read(part.from, part.to)) {
        if (!first) chunks.add(between);
        first = false;
        chunks.add(record);
        chunks.add(after);
        if (chunks.full) yield* chunks.take();
      }
    }
    chunks.add(Buffer.from(frame.close));
    this.#read = true;
    this.#spare.length = 0;
    yield* chunks.rest();
  }

  async *#taken(): AsyncGenerator<Part> {
    for (;;) {
      if (this.#error) throw this.#error;
      const part = this.#parts.shift();
      if (part) {
        this.#residentBytes -= part.block.residentBytes;
        if (this.#residentBytes <= this.#residentBytesMax) this.#wakeWriter?.();
        yield part;
      } else if (this.#state !== 'open') {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
  }

  #forget(): void {
    this.#parts = [];
    this.#residentBytes = 0;
    this.#wakeWriter?.();
  }
}

/** Copies records into chunks that can be handed to another thread. */
class Chunks {
  readonly #spare: Uint8Array<ArrayBuffer>[];
  #filled: Uint8Array<ArrayBuffer>[] = [];
  #chunk: Uint8Array<ArrayBuffer>;
  #at = 0;

  /** @param spare chunks that may be filled again */
  constructor(spare: Uint8Array<ArrayBuffer>[]) {
    this.#spare = spare;
    this.#chunk = newChunk();
  }

  get full(): boolean {
    return this.#filled.length > 0;
  }

  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.byteLength; ) {
      const copied = Math.min(bytes.byteLength - from, CHUNK_BYTES - this.#at);
      this.#chunk.set(
        from === 0 && copied === bytes.byteLength ? bytes : bytes.subarray(from, from + copied),
        this.#at,
      );
      this.#at += copied;
      from += copied;
      if (this.#at === CHUNK_BYTES) this.#turn();
    }
  }

  *take(): Generator<Uint8Array<ArrayBuffer>> {
    yield* this.#filled.splice(0);
  }

  *rest(): Generator<Uint8Array<ArrayBuffer>> {
    yield* this.take();
    if (this.#at > 0) yield this.#chunk.slice(0, this.#at);
  }

  #turn(): void {
    this.#filled.push(this.#chunk);
    this.#chunk = this.#spare.pop() ?? newChunk();
    this.#at = 0;
  }
}

/** Not zeroed: only what has been written is ever sent. Not from the pool: it changes hands whole. */
function newChunk(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer as ArrayBuffer);
}
