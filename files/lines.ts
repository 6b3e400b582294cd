import { openText } from './open.js';
import { parsedRow, type Rows, type Start, tooLarge } from './rows.js';

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);

/** A line of a text, without its end and without a byte order mark. */
export interface Line {
  line: number;
  next: Start;
  bytes: number;
  /** Absent where the line is above the bound. */
  text?: Buffer;
}

/** Rows of line JSON: one object a line, empty lines passed over. */
export async function* readLines(path: string, start: Start, lineBytesMax: number): Rows {
  for await (const lines of linesOf(path, start, lineBytesMax)) yield rowsOf(lines, lineBytesMax);
}

function* rowsOf(lines: Iterable<Line>, lineBytesMax: number) {
  for (const { line, next, bytes, text } of lines) {
    if (!text) yield { line, next, problem: tooLarge(`a line of ${bytes} bytes`, lineBytesMax) };
    else if (text.length > 0) yield { line, next, ...parsedRow(text) };
  }
}

/** The lines of a file from `start` on, in groups: take each group whole before asking for the next. */
export async function* linesOf(path: string, start: Start, lineBytesMax: number): AsyncGenerator<Iterable<Line>> {
  const splitter = new LineSplitter(start, lineBytesMax);
  for await (const chunk of openText(path, start.offset)) yield splitter.push(chunk);
  yield splitter.end();
}

/** Cuts chunks into lines; what is left of one waits for the next chunk, up to the bound. */
class LineSplitter {
  readonly #lineBytesMax: number;
  #offset: number;
  #line: number;
  /** The beginning of a line whose end has not come. */
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(start: Start, lineBytesMax: number) {
    this.#offset = start.offset;
    this.#line = start.line;
    this.#lineBytesMax = lineBytesMax;
  }

  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, to));
      from = to + 1;
      yield this.#finish(1);
    }
    this.#hold(chunk.subarray(from));
  }

  *end(): Generator<Line> {
    if (this.#heldBytes > 0) yield this.#finish(0);
  }

  #hold(part: Buffer): void {
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#lineBytesMax) this.#held = [];
    else if (part.length > 0) this.#held.push(part);
  }

  #finish(separatorBytes: 0 | 1): Line {
    const bytes = this.#heldBytes;
    const parts = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#offset += bytes + separatorBytes;
    this.#line += 1;
    const place = { line: this.#line, next: { offset: this.#offset, line: this.#line }, bytes };
    if (bytes > this.#lineBytesMax) return place;
    const text = parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
    return { ...place, text: trimmed(text, this.#line === 1) };
  }
}

function trimmed(line: Buffer, isFirst: boolean): Buffer {
  const from = isFirst && line.subarray(0, 3).equals(BOM) ? 3 : 0;
  const to = line.at(-1) === RETURN ? line.length - 1 : line.length;
  return line.subarray(from, to);
}
