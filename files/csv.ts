import { isUtf8 } from 'node:buffer';
import { IovError } from '../contract/error.js';
import type { JsonObject } from '../contract/tags.js';
import { type Line, linesOf } from './lines.js';
import { type Row, type Rows, type Start, tooLarge } from './rows.js';

const QUOTE = 0x22;

type Parse = typeof import('csv-parse/sync').parse;

/** Columns whose cells are lists, with what stands between two entries. */
export type ListColumns = Readonly<Record<string, string>>;

/**
 * Rows of a CSV file whose first record names the fields. Records are cut here, one at a time, so that a spoiled one costs
 * no other: csv-parse passes over good records after a bad one (`skip_records_with_error`). An empty cell is an absent field.
 * @throws IovError FILE_INVALID where the header names a field twice, or none
 */
export async function* readCsv(path: string, start: Start, lineBytesMax: number, lists: ListColumns): Rows {
  const { parse } = await import('csv-parse/sync');
  const joiner = new RecordJoiner(lineBytesMax);
  let table: Table | undefined;
  // The header is needed wherever reading starts, so that what has been read before is passed over.
  for await (const lines of linesOf(path, { offset: 0, line: 0 }, lineBytesMax)) {
    const rows: Row[] = [];
    for (const line of lines) {
      const record = joiner.add(line);
      if (!record) continue;
      if (!table) table = new Table(parse, record, lists, lineBytesMax);
      else if (record.line > start.line) rows.push(table.row(record));
    }
    yield rows;
  }
  const unclosed = joiner.rest();
  if (unclosed && table) yield [table.row(unclosed)];
}

/** Puts lines together whose line end stands between quotes: so many quotes have come that one is open. */
class RecordJoiner {
  readonly #lineBytesMax: number;
  #open: Line | undefined;

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax;
  }

  add(line: Line): Line | undefined {
    const record = this.#open ? this.#joined(this.#open, line) : line;
    const isOpen = record.text !== undefined && quotes(record.text) % 2 === 1;
    this.#open = isOpen ? record : undefined;
    return isOpen || record.text?.length === 0 ? undefined : record;
  }

  rest(): Line | undefined {
    return this.#open;
  }

  /** Named by its first line, so that it begins after a record that has been read. */
  #joined(open: Line, { next, bytes, text }: Line): Line {
    const total = open.bytes + 1 + bytes;
    const place = { line: open.line, next: { ...next, line: next.line }, bytes: total };
    if (!open.text || !text || total > this.#lineBytesMax) return place;
    return { ...place, text: Buffer.concat([open.text, Buffer.from('\n'), text]) };
  }
}

function quotes(text: Buffer): number {
  let count = 0;
  for (let at = text.indexOf(QUOTE); at >= 0; at = text.indexOf(QUOTE, at + 1)) count += 1;
  return count;
}

/** The header, by which records become objects. */
class Table {
  readonly #parse: Parse;
  readonly #columns: readonly string[];
  readonly #lists: ListColumns;
  readonly #lineBytesMax: number;

  constructor(parse: Parse, header: Line, lists: ListColumns, lineBytesMax: number) {
    this.#parse = parse;
    this.#lists = lists;
    this.#lineBytesMax = lineBytesMax;
    this.#columns = this.#cells(header).map((name) => name.trim());
    const isFit = this.#columns.every((name, index) => name !== '' && this.#columns.indexOf(name) === index);
    if (!isFit) throw new IovError('FILE_INVALID', 'CSV: expected a header that names each field once');
  }

  row(record: Line): Row {
    const { line, next, text } = record;
    try {
      const value = this.#object(this.#cells(record));
      return { line, next, value, raw: Buffer.from(JSON.stringify(value)) };
    } catch (thrown) {
      return { line, next, problem: IovError.from(thrown), ...(text && { raw: text }) };
    }
  }

  #cells({ bytes, text }: Line): string[] {
    if (!text) throw tooLarge(`a CSV record of ${bytes} bytes`, this.#lineBytesMax);
    if (!isUtf8(text)) throw new IovError('FILE_INVALID', 'CSV: expected UTF-8');
    try {
      return this.#parse(text, { relax_column_count: true })[0] ?? [];
    } catch (thrown) {
      // the message would quote the record; its code says what is wrong without personal data
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'malformed';
      throw new IovError('FILE_INVALID', `CSV: ${code.replace('CSV_', '').replaceAll('_', ' ').toLowerCase()}`);
    }
  }

  #object(cells: string[]): JsonObject {
    if (cells.length !== this.#columns.length) {
      throw new IovError('FILE_INVALID', `CSV: expected ${this.#columns.length} cells, got ${cells.length}`);
    }
    const fields = this.#columns.map((name, index): [string, string | string[]] => {
      const cell = cells[index] ?? '';
      const separator = this.#lists[name];
      return [name, separator === undefined || cell === '' ? cell : cell.split(separator)];
    });
    return Object.fromEntries(fields.filter(([, cell]) => cell !== ''));
  }
}
