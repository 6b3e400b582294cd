import { IovError } from '../contract/error.js';

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const BOM = Buffer.from('\ufeff');

/** A record's bytes, or why there are none: MESSAGE_TOO_LARGE, FILE_INVALID. */
export type FoundRecord = { bytes: Uint8Array } | { problem: IovError };

/** Cuts what has come into records; what is left of the last one stays. */
interface Cutter {
  push(chunk: Buffer): Generator<FoundRecord>;
  end(): Generator<FoundRecord>;
}

/** The records of a text, one a line or in one array (notice 6.2.1.2 b), in bounded memory. */
export async function* recordsOf(text: AsyncIterable<Uint8Array>, recordBytesMax: number): AsyncGenerator<FoundRecord> {
  let cutter: Cutter | undefined;
  let head: Buffer = Buffer.alloc(0);
  for await (const chunk of text) {
    const bytes = Buffer.from(chunk);
    if (cutter) {
      yield* cutter.push(bytes);
      continue;
    }
    head = withoutWhiteSpace(Buffer.concat([head, bytes]));
    if (head.length < BOM.length) continue;
    if (head.subarray(0, BOM.length).equals(BOM)) yield spoiled('expected UTF-8 without a byte order mark');
    cutter = head[0] === OPEN_LIST ? new ArrayCutter(recordBytesMax) : new LineCutter(recordBytesMax);
    yield* cutter.push(head);
  }
  if (cutter) yield* cutter.end();
  else if (!['', '[]'].includes(head.toString().trim())) yield { bytes: head };
}

const WHITE_SPACE: readonly (number | undefined)[] = [0x20, 0x09, 0x0a, 0x0d];

/** What a text begins with, after the white space that JSON allows there. */
function withoutWhiteSpace(bytes: Buffer): Buffer {
  const from = bytes.findIndex((byte) => !WHITE_SPACE.includes(byte));
  return from < 0 ? Buffer.alloc(0) : bytes.subarray(from);
}

const spoiled = (problem: string): FoundRecord => ({ problem: new IovError('FILE_INVALID', problem) });
const tooLarge = (bytesMax: number): FoundRecord => ({
  problem: new IovError('MESSAGE_TOO_LARGE', `expected a record of at most ${bytesMax} bytes`),
});

class LineCutter implements Cutter {
  readonly #bytesMax: number;
  #rest: Buffer = Buffer.alloc(0);
  #skipping = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  *push(chunk: Buffer): Generator<FoundRecord> {
    let rest = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    for (let to = rest.indexOf(NEWLINE); to >= 0; to = rest.indexOf(NEWLINE)) {
      if (!this.#skipping && to > this.#bytesMax) yield tooLarge(this.#bytesMax);
      else if (!this.#skipping && to > 0) yield { bytes: rest.subarray(0, to) };
      this.#skipping = false;
      rest = rest.subarray(to + 1);
    }
    this.#rest = rest;
    if (rest.length <= this.#bytesMax) return;
    if (!this.#skipping) yield tooLarge(this.#bytesMax);
    this.#skipping = true;
    this.#rest = Buffer.alloc(0);
  }

  *end(): Generator<FoundRecord> {
    if (!this.#skipping && this.#rest.length > 0) yield { bytes: this.#rest };
  }
}

/** Cuts an array into its objects by counting brackets outside of strings; what an object holds is others' to judge. */
class ArrayCutter implements Cutter {
  readonly #bytesMax: number;
  #element: Buffer = Buffer.alloc(0);
  #depth = 0;
  #inString = false;
  #escaped = false;
  #awaits: 'array' | 'firstObject' | 'object' | 'comma' | 'nothing' = 'array';
  #gaveUp = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  *push(chunk: Buffer): Generator<FoundRecord> {
    let from = this.#depth > 1 ? 0 : -1;
    for (let at = 0; at < chunk.length && !this.#gaveUp; at += 1) {
      const byte = chunk[at];
      if (this.#inString) this.#string(byte);
      else if (this.#depth < 2) {
        if (!this.#between(byte)) return yield this.#giveUp('expected an array of objects, with one comma between two');
        if (this.#depth === 2) from = at;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#depth += 1;
      else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
        this.#depth -= 1;
        if (this.#depth !== 1) continue;
        yield this.#found(Buffer.concat([this.#element, chunk.subarray(from, at + 1)]));
        this.#element = Buffer.alloc(0);
        from = -1;
      }
    }
    if (from < 0 || this.#gaveUp) return;
    this.#element = Buffer.concat([this.#element, chunk.subarray(from)]);
    if (this.#element.length <= this.#bytesMax) return;
    this.#gaveUp = true;
    yield tooLarge(this.#bytesMax);
  }

  *end(): Generator<FoundRecord> {
    if (this.#awaits !== 'nothing' && !this.#gaveUp) yield spoiled('expected the end of the array');
  }

  /** Takes a byte that is not inside of an object; false where it cannot stand there. */
  #between(byte: number | undefined): boolean {
    if (WHITE_SPACE.includes(byte)) return true;
    const awaits = this.#awaits;
    if (byte === OPEN_LIST && awaits === 'array') this.#awaits = 'firstObject';
    else if (byte === OPEN_OBJECT && (awaits === 'firstObject' || awaits === 'object')) this.#awaits = 'comma';
    else if (byte === COMMA && awaits === 'comma') this.#awaits = 'object';
    else if (byte === CLOSE_LIST && (awaits === 'comma' || awaits === 'firstObject')) this.#awaits = 'nothing';
    else return false;
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#depth += 1;
    if (byte === CLOSE_LIST) this.#depth -= 1;
    return true;
  }

  #found(bytes: Buffer): FoundRecord {
    return bytes.length > this.#bytesMax ? tooLarge(this.#bytesMax) : { bytes };
  }

  #giveUp(problem: string): FoundRecord {
    this.#gaveUp = true;
    return spoiled(problem);
  }

  #string(byte: number | undefined): void {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }
}
