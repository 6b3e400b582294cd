import type { Type as Typebox } from 'typebox';

export type { Static, TObject, TSchema } from 'typebox';

type Builder = Pick<
  typeof Typebox,
  | 'Array'
  | 'Boolean'
  | 'Enum'
  | 'Integer'
  | 'Literal'
  | 'Null'
  | 'Number'
  | 'Object'
  | 'Optional'
  | 'Record'
  | 'String'
  | 'Union'
  | 'Unknown'
>;

type Schema = { readonly pattern?: string };

/** Schemas of properties that may be absent. */
const optional = new WeakSet<object>();
const typed = (type: string) => (more?: object) => ({ type, ...more });

function objectOf(properties: Readonly<Record<string, object>>, more?: object): object {
  const required = Object.keys(properties).filter((name) => !optional.has(properties[name] ?? {}));
  return { type: 'object', ...(required.length > 0 && { required }), properties, ...more };
}

function optionalOf(schema: object): object {
  const marked = { ...schema };
  optional.add(marked);
  return marked;
}

/**
 * Option schemas in typebox's words, with typebox's types: the same JSON schemas (test/contract/schema.test.ts), without its
 * three hundred modules, which every process would load at its start: for two fifths of a `check`.
 */
export const Type = {
  Array: (items: object, more?: object) => ({ type: 'array', items, ...more }),
  Boolean: typed('boolean'),
  Enum: (values: readonly unknown[], more?: object) => ({ enum: values, ...more }),
  Integer: typed('integer'),
  Literal: (value: unknown, more?: object) => ({ type: typeof value, const: value, ...more }),
  Null: typed('null'),
  Number: typed('number'),
  Object: objectOf,
  Optional: optionalOf,
  Record: ({ pattern = '^.*$' }: Schema, value: object, more?: object) => ({
    type: 'object',
    patternProperties: { [pattern]: value },
    ...more,
  }),
  String: typed('string'),
  Union: (anyOf: readonly object[], more?: object) => ({ anyOf, ...more }),
  Unknown: (more?: object) => ({ ...more }),
} as unknown as Builder;
