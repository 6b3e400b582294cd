import { IovError } from '../../contract/error.js';

/** A piece of a query that is as it should be: what `sql` has made, or `name`. */
export class Sql {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;
/** ClickHouse reads a backslash as most languages do; nothing else ends or changes a text in single quotes. */
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '\0': '\\0' };

/**
 * The one place where values become part of a query: texts are quoted, numbers are written out, pieces stay as they are.
 * Servers as old as 18.16 take no parameters beside a query.
 * @throws IovError INTERNAL for a number that is none or is not exact
 */
export function sql(parts: TemplateStringsArray, ...values: readonly (string | number | Sql)[]): Sql {
  return new Sql(parts.reduce((text, part, index) => text + written(values[index - 1] ?? '') + part));
}

/** The name of a database or a table, which is never what others have sent. */
export function name(text: string): Sql {
  if (!NAME.test(text)) throw new IovError('INTERNAL', `no name of a table or a database: ${JSON.stringify(text)}`);
  return new Sql(text);
}

/** Values with commas between, for `IN (…)`. */
export function list(values: readonly (string | number)[]): Sql {
  return new Sql(values.map(written).join(', '));
}

function written(value: string | number | Sql): string {
  if (value instanceof Sql) return value.text;
  if (typeof value === 'string') return `'${[...value].map((letter) => ESCAPES[letter] ?? letter).join('')}'`;
  if (!Number.isSafeInteger(value)) throw new IovError('INTERNAL', `a query expects whole numbers, got ${value}`);
  return String(value);
}
