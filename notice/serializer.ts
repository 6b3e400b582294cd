import build from 'fast-json-stringify';
import type { JsonObject } from '../contract/tags.js';
import { newAjv } from './ajv.js';
import { appliesTo, isPresent } from './condition.js';
import { isObject } from './report.js';
import type { JsonSchema } from './schema.js';
import { compileShape } from './shape.js';
import type { Table } from './table.js';

export interface SerializerOptions {
  /** Fields that are not written: `['Auth']` makes table 10 a record of the CL files (6.2.2.2 b). */
  omit?: readonly string[];
  /** What becomes of a conditional field that does not apply or has no value: left out (default), or written as ''. */
  inapplicable?: 'omit' | 'empty';
}

/**
 * A function that writes a record of this table as one JSON object in UTF-8, its fields in the order of the table
 * (6.2.1.2 b, 6.2.2.2 b), no newline after it. Absent fields and fields that the table does not have are left out.
 */
export function compileSerializer(table: Table, options: SerializerOptions = {}): (record: JsonObject) => Uint8Array {
  const { omit = [], inapplicable = 'omit' } = options;
  const arrange = compileArrangement(table, omit, inapplicable);
  const schema = typeSchema(table);
  // A value of another type than the schema's would come out changed (null as "", an object as "[object Object]"), so a
  // record that has one is written by JSON.stringify.
  const isTyped = newAjv({ allErrors: false }).compile(schema);
  const stringify = build(schema);
  return (record) => {
    const arranged = arrange(record);
    return Buffer.from(isTyped(arranged) ? stringify(arranged) : JSON.stringify(arranged), 'utf8');
  };
}

/** Names and types alone; a value that may be of two types, or an object without a table, has no type: it is passed on. */
function typeSchema(table: Table): JsonSchema {
  const properties = table.fields.map((field) => {
    if (field.inside) return [field.name, typeSchema(field.inside)];
    if (field.alsoType !== undefined || field.type === 'object') return [field.name, {}];
    return [field.name, field.type === 'array' ? { type: 'array', items: { type: 'string' } } : { type: 'string' }];
  });
  return { type: 'object', properties: Object.fromEntries(properties) };
}

/** A copy in the order of the table, undefined where nothing is to be written. */
function compileArrangement(table: Table, omit: readonly string[], inapplicable: 'omit' | 'empty') {
  const shape = compileShape(table);
  const instead = inapplicable === 'empty' ? '' : undefined;
  const conditional = table.fields
    .filter((field) => field.presence === 'C')
    .map((field) => ({ name: field.name, applies: appliesTo(table, field) }));
  const inner = table.fields.flatMap(({ name, inside }) => (inside ? [{ name, shape: compileShape(inside) }] : []));
  return (record: JsonObject): JsonObject => {
    const copy = shape(record);
    for (const { name, applies } of conditional) {
      if (!isPresent(copy[name]) || !applies(copy)) copy[name] = instead;
    }
    for (const { name, shape: innerShape } of inner) {
      const value = copy[name];
      if (isObject(value)) copy[name] = innerShape(value);
    }
    for (const name of omit) copy[name] = undefined;
    return copy;
  };
}
