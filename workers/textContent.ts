import type { Lines } from '../contract/item.js';
import { BLOCK_BYTES } from './deflater.js';

/** How records are written: one JSON object a line, or one array (interpretation.md, "JSON 格式封装"). */
export type Format = 'lines' | 'array';

/** Size of a chunk, but for the last one: what the deflater takes without a copy. */
export const CHUNK_BYTES = BLOCK_BYTES;
const framed = (open: string, between: string, after: string, close: string) => ({
  open: Buffer.from(open),
  between: Buffer.from(between),
  after: Buffer.from(after),
  close: Buffer.from(close),
});
const FRAMES = { lines: framed('', '', '\n', ''), array: framed('[', ',', '', ']') } satisfies Record<Format, object>;

interface Part {
  block: Lines;
  from: number;
  to: number;
}

/** Bytes of a text with this one record in it. */
export function textBytes(format: Format, recordBytes: number): number {
  const { open, after, close } = FRAMES[format];
  return open.length + recordBytes + after.length + close.length;
}

/**
 * The content of a text file while it is written: records go in at one end, chunks for the deflater come out at the other.
 * Records in memory are copied into a chunk at once: kept until the deflater asks, they would be as many small objects for the
 * garbage collector. Blocks of an archive wait as references and are read when it asks. What waits in memory is bounded by
 * `residentBytesMax` and the chunk that is being filled, and who appends waits for `ready`.
 */
export class TextContent implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  readonly #format: Format;
  readonly #frame: (typeof FRAMES)[Format];
  readonly #residentBytesMax: number;
  readonly #chunks = new Chunks();
  /** What waits behind the chunks. */
  #parts: Part[] = [];
  #isReadingPart = false;
  /** Whether a record is in the chunks, before which the next one is set off. */
  #isBegun = false;
  #records = 0;
  #bytes: number;
  #state: 'open' | 'closed' | 'discarded' | 'read' = 'open';
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  constructor(format: Format, residentBytesMax: number) {
    this.#format = format;
    this.#frame = FRAMES[format];
    this.#residentBytesMax = residentBytesMax;
    this.#bytes = this.#frame.open.length + this.#frame.close.length;
    this.#chunks.add(this.#frame.open);
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
    const { between, after } = this.#frame;
    return recordBytes + after.length + (this.#records > 0 ? between.length : 0);
  }

  /** Records `from` to `to` of a block; the caller has made sure that they fit. */
  append(block: Lines, from: number, to: number): void {
    for (let index = from; index < to; index += 1) {
      this.#bytes += this.growth(block.sizeOf(index));
      this.#records += 1;
    }
    if (this.#state === 'discarded') return;
    if (block.residentBytes > 0 && this.#parts.length === 0 && !this.#isReadingPart) {
      for (const record of block.read(from, to) as Iterable<Uint8Array>) this.#add(record);
      if (!this.#chunks.full) return;
    } else {
      this.#parts.push({ block, from, to });
    }
    this.#wakeReader?.();
  }

  /** Something to wait for before the next append, or undefined. */
  get ready(): Promise<void> | undefined {
    if (this.#chunks.filledBytes <= this.#residentBytesMax) return undefined;
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
    if (this.#state === 'open' || this.#state === 'closed') this.#chunks.reuse(chunk);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (;;) {
      yield* this.#taken();
      if (this.#error) throw this.#error;
      const part = this.#parts.shift();
      if (part) {
        this.#isReadingPart = true;
        yield* this.#read(part);
        this.#isReadingPart = false;
      } else if (this.#state !== 'open') {
        break;
      } else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve;
        });
      }
    }
    this.#chunks.add(this.#frame.close);
    yield* this.#taken();
    this.#state = 'read';
    yield* this.#chunks.rest();
  }

  async *#read({ block, from, to }: Part): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    if (this.#format === 'lines' && block.lines) {
      for await (const piece of block.lines(from, to)) {
        this.#chunks.add(piece);
        yield* this.#taken();
      }
      return;
    }
    for await (const record of block.read(from, to)) {
      this.#add(record);
      yield* this.#taken();
    }
  }

  #add(record: Uint8Array): void {
    const { between, after } = this.#frame;
    if (this.#isBegun) this.#chunks.add(between);
    this.#isBegun = true;
    this.#chunks.add(record);
    this.#chunks.add(after);
  }

  /** The chunks that are full; room for who appends. */
  *#taken(): Generator<Uint8Array<ArrayBuffer>> {
    for (let chunk = this.#chunks.take(); chunk; chunk = this.#chunks.take()) {
      if (this.#chunks.filledBytes <= this.#residentBytesMax) this.#wakeWriter?.();
      yield chunk;
    }
  }

  #forget(): void {
    this.#parts = [];
    this.#chunks.forget();
    this.#wakeWriter?.();
  }
}

/** Copies records into chunks that can be handed to another thread. */
class Chunks {
  /** Chunks that may be filled again. */
  #spare: Uint8Array<ArrayBuffer>[] = [];
  #filled: Uint8Array<ArrayBuffer>[] = [];
  #chunk: Uint8Array<ArrayBuffer> | undefined;
  #at = 0;

  get full(): boolean {
    return this.#filled.length > 0;
  }

  get filledBytes(): number {
    return this.#filled.length * CHUNK_BYTES;
  }

  add(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.byteLength; ) {
      this.#chunk ??= this.#spare.pop() ?? newChunk();
      const copied = Math.min(bytes.byteLength - from, CHUNK_BYTES - this.#at);
      this.#chunk.set(
        from === 0 && copied === bytes.byteLength ? bytes : bytes.subarray(from, from + copied),
        this.#at,
      );
      this.#at += copied;
      from += copied;
      if (this.#at === CHUNK_BYTES) this.#turn(this.#chunk);
    }
  }

  take(): Uint8Array<ArrayBuffer> | undefined {
    return this.#filled.shift();
  }

  /** What is left at the end; nothing is added after it. */
  *rest(): Generator<Uint8Array<ArrayBuffer>> {
    const [chunk, at] = [this.#chunk, this.#at];
    this.forget();
    if (chunk && at > 0) yield chunk.slice(0, at);
  }

  reuse(chunk: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(chunk);
  }

  forget(): void {
    this.#spare = [];
    this.#filled = [];
    this.#chunk = undefined;
    this.#at = 0;
  }

  #turn(chunk: Uint8Array<ArrayBuffer>): void {
    this.#filled.push(chunk);
    this.#chunk = undefined;
    this.#at = 0;
  }
}

/** Not zeroed: only what has been written is ever sent. Not from the pool: it changes hands whole. */
function newChunk(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(CHUNK_BYTES).buffer as ArrayBuffer);
}
