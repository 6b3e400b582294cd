import { type ListColumns, readCsv } from './csv.js';
import { readArray } from './jsonArray.js';
import { readLines } from './lines.js';
import type { Rows, Start } from './rows.js';

export type RowFormat = 'lines' | 'array' | 'csv';

/** By a file's name: `.csv` and `.json` say what they are, anything else is line JSON; `.gz` is looked through. */
export function formatOf(path: string): RowFormat {
  const name = path.replace(/\.gz$/, '');
  return name.endsWith('.csv') ? 'csv' : name.endsWith('.json') ? 'array' : 'lines';
}

/**
 * The rows of a file from `start` on.
 * @throws IovError FILE_UNREADABLE, FILE_INVALID where the file as a whole cannot be read
 */
export function rowsOf(
  path: string,
  format: RowFormat,
  start: Start,
  options: { lineBytesMax: number; lists: ListColumns },
): Rows {
  if (format === 'csv') return readCsv(path, start, options.lineBytesMax, options.lists);
  if (format === 'array') return readArray(path, start, options.lineBytesMax);
  return readLines(path, start, options.lineBytesMax);
}
