import type { Site } from '../contract/context.js';
import type { JsonObject } from '../contract/tags.js';
import { maskValue } from './mask.js';
import type { Field } from './table.js';
import { tableOf } from './tables/index.js';

/** Tables whose records and messages people look at. */
const TABLES = [7, 8, 10, 11, 12] as const;
const UNKNOWN = '(fields of no table)';

/**
 * A record with every value masked, as a reviewer may see it (articles 10, 19 and 20). A field that no table has is only
 * counted, since its very name may be somebody's.
 */
export function compileRecordMask(overrides: Site['tables']): (record: JsonObject) => JsonObject {
  const fields = new Map<string, Field>();
  for (const field of TABLES.flatMap((number) => tableOf(number, overrides).fields)) {
    const known = fields.get(field.name);
    if (known?.personal === undefined) fields.set(field.name, field); // where tables differ, the personal one holds
  }
  return (record) => {
    const masked: JsonObject = {};
    let unknown = 0;
    for (const [name, value] of Object.entries(record)) {
      const field = fields.get(name);
      if (field) masked[name] = maskValue(field, value);
      else unknown += 1;
    }
    return unknown === 0 ? masked : { ...masked, [UNKNOWN]: unknown };
  };
}
