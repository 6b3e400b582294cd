import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { parseStrictJson } from '../notice/strictJson.js';

/** What a file holds in one place: a record, or what is wrong there. */
export interface Row {
  /** For people: its line in the file, or its number in an array. */
  line: number;
  /** Where reading may start again after it. */
  next: Start;
  value?: JsonObject;
  problem?: IovError;
  /** Its text for the dead letters: the object as JSON, or what stands there instead. Absent above the bound. */
  raw?: Uint8Array;
}

/** Where reading starts: bytes of the text (unpacked) and lines of it, or elements, that are passed over. */
export interface Start {
  offset: number;
  line: number;
}

/** Rows come in groups, one a chunk of the file: a promise for each of them would cost more than reading it. */
export type Rows = AsyncIterable<Iterable<Row>>;

/** A row's text as the object it should be. */
export function parsedRow(text: Uint8Array): Pick<Row, 'value' | 'problem' | 'raw'> {
  try {
    return { value: parseStrictJson(text), raw: text };
  } catch (thrown) {
    return { problem: IovError.from(thrown), raw: text };
  }
}

/** A row above its bound: reported and passed over, and never held in memory. */
export function tooLarge(what: string, lineBytesMax: number): IovError {
  return new IovError('MESSAGE_TOO_LARGE', `${what}, expected ${lineBytesMax} bytes at most (lineBytesMax)`);
}
