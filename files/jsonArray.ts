import { Readable } from 'node:stream';
import type { Token } from 'stream-json/parser.js';
import { IovError } from '../contract/error.js';
import { openText } from './open.js';
import { parsedRow, type Row, type Rows, type Start, tooLarge } from './rows.js';

/** A fault loses the tokens of its slice, so that slices are small. */
const SLICE_BYTES = 1024;

/**
 * Rows of one JSON array: its elements, numbered from 1. The tokens of an element become its text again, within the bound,
 * which is then read as strictly as a line. Where the array is malformed its rest cannot be read: that is the last row.
 */
export async function* readArray(path: string, start: Start, lineBytesMax: number): Rows {
  const { default: parser } = await import('stream-json/parser.js');
  const text = Readable.from(slices(openText(path, 0)), { highWaterMark: 1 });
  const tokens = parser.asStream({ packValues: false });
  text.on('error', (error) => tokens.destroy(error));
  const element = new Element(lineBytesMax);
  try {
    for await (const token of text.pipe(tokens) as AsyncIterable<Token>) {
      const row = element.add(token);
      if (row && row.line > start.line) yield [row];
    }
  } catch (thrown) {
    if (thrown instanceof IovError) throw thrown;
    yield [element.broken()];
  } finally {
    text.destroy();
    tokens.destroy();
  }
}

async function* slices(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += SLICE_BYTES) yield chunk.subarray(from, from + SLICE_BYTES);
  }
}

/** The element that is being read, as text. */
class Element {
  readonly #lineBytesMax: number;
  #number = 0;
  #depth = 0;
  #parts: string[] = [];
  #bytes = 0;
  #followsValue = false;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** Gives a row when the element is complete. */
  add(token: Token): Row | undefined {
    const opens = token.name === 'startObject' || token.name === 'startArray';
    const closes = token.name === 'endObject' || token.name === 'endArray';
    if (this.#depth === 0 && token.name !== 'startArray') throw new IovError('FILE_INVALID', 'expected one JSON array');
    if (closes) this.#depth -= 1;
    if (this.#depth > 0) this.#write(token);
    if (opens) this.#depth += 1;
    return this.#depth === 1 && endsValue(token) ? this.#finish() : undefined;
  }

  broken(): Row {
    const line = this.#number + 1;
    const problem = new IovError(
      'FILE_INVALID',
      `the JSON array is malformed within ${4 * SLICE_BYTES} bytes; its rest cannot be read`,
    );
    return { line, next: { offset: 0, line: this.#number }, problem };
  }

  #write(token: Token): void {
    const begins = beginsValue(token) || token.name === 'startKey';
    const part = (begins && this.#followsValue && this.#parts.length > 0 ? ',' : '') + textOf(token);
    this.#followsValue = endsValue(token);
    this.#bytes += Buffer.byteLength(part);
    if (this.#bytes > this.#lineBytesMax) this.#parts = [''];
    else this.#parts.push(part);
  }

  #finish(): Row {
    const text = this.#parts.join('');
    const bytes = this.#bytes;
    this.#parts = [];
    this.#bytes = 0;
    this.#number += 1;
    const place = { line: this.#number, next: { offset: 0, line: this.#number } };
    if (bytes <= this.#lineBytesMax) return { ...place, ...parsedRow(Buffer.from(text)) };
    return { ...place, problem: tooLarge(`an element of ${bytes} bytes`, this.#lineBytesMax) };
  }
}

const begins = new Set<Token['name']>(['startObject', 'startArray', 'startString', 'startNumber']);
const ends = new Set<Token['name']>(['endObject', 'endArray', 'endString', 'endNumber']);
const isWord = ({ name }: Token) => name === 'nullValue' || name === 'trueValue' || name === 'falseValue';
const beginsValue = (token: Token) => begins.has(token.name) || isWord(token);
const endsValue = (token: Token) => ends.has(token.name) || isWord(token);

const fixed: Partial<Record<Token['name'], string>> = {
  startObject: '{',
  endObject: '}',
  startArray: '[',
  endArray: ']',
  startKey: '"',
  endKey: '":',
  startString: '"',
  endString: '"',
};

function textOf(token: Token): string {
  if (token.name === 'stringChunk') return JSON.stringify(token.value).slice(1, -1);
  if (token.name === 'numberChunk') return token.value;
  if (isWord(token)) return token.name.replace('Value', '');
  return fixed[token.name] ?? '';
}
