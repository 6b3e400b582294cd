import type { TSchema } from '../contract/schema.js';

/** The part of JSON Schema that option schemas use, with the annotations of ours that `check` reads. */
export interface JsonSchema {
  type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean' | 'null';
  const?: unknown;
  enum?: readonly unknown[];
  anyOf?: readonly JsonSchema[];
  properties?: { readonly [name: string]: JsonSchema };
  patternProperties?: { readonly [pattern: string]: JsonSchema };
  additionalProperties?: boolean | JsonSchema;
  required?: readonly string[];
  items?: JsonSchema;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  pattern?: string;
  format?: string;
  default?: unknown;
  description?: string;
  examples?: readonly unknown[];
  /** What is expected, in words, where a pattern would not tell. */
  expected?: string;
  /** What the keys of a mapping are, in words. */
  keys?: string;
  /** The option names a connection of this kind. */
  connection?: string;
  /** The option names a peer; `cipher`: one that has a cipher. */
  peer?: true | 'cipher';
  /** Never shown, and never written into a file. */
  secret?: true;
}

/** Option schemas are JSON schemas; their type, made for inference, does not say so. */
export const jsonSchema = (schema: TSchema): JsonSchema => schema as JsonSchema;

/** The values a schema lists, where it lists them: an enum, a constant, or a union of constants. */
export function choices(schema: JsonSchema): readonly unknown[] | undefined {
  if (schema.enum) return schema.enum;
  if ('const' in schema) return [schema.const];
  if (!schema.anyOf) return undefined;
  const each = schema.anyOf.map(choices);
  return each.every((values) => values !== undefined) ? each.flat() : undefined;
}

/** The schema of one key of a mapping. */
export function schemaOfKey(schema: JsonSchema, key: string): JsonSchema | undefined {
  if (schema.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  for (const [pattern, inner] of Object.entries(schema.patternProperties ?? {})) {
    if (new RegExp(pattern, 'u').test(key)) return inner;
  }
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** What a schema expects, in words: `a whole number from 1 to 20`, `one of day, month, full`. */
export function expectation(schema: JsonSchema): string {
  if (schema.expected) return schema.expected;
  const listed = choices(schema);
  if (listed) return listed.length === 1 ? String(listed[0]) : `one of ${listed.join(', ')}`;
  if (schema.anyOf) return schema.anyOf.map(expectation).join(' or ');
  switch (schema.type) {
    case 'integer':
      return `a whole number${range(schema.minimum, schema.maximum)}`;
    case 'number':
      return `a number${range(schema.minimum, schema.maximum)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list of ${schema.items ? plural(schema.items) : 'values'}${count(schema.minItems, schema.maxItems, 'entry', 'entries')}${schema.uniqueItems ? ', each once' : ''}`;
    case 'object':
      return schema.properties ? `a mapping with ${Object.keys(schema.properties).join(', ')}` : 'a mapping';
    case 'string':
      return text(schema);
    default:
      return 'a value';
  }
}

function text(schema: JsonSchema): string {
  if (schema.secret) return 'a secret';
  if (schema.connection) return `the name of a connection of kind ${schema.connection}`;
  if (schema.peer) return 'the name of a peer';
  const pattern =
    schema.pattern === '^/' ? 'text that begins with /' : schema.pattern && `text that matches ${schema.pattern}`;
  return (pattern ?? 'text') + count(schema.minLength, schema.maxLength, 'character', 'characters');
}

function plural(items: JsonSchema): string {
  if (items.type === 'string' && !choices(items) && !items.expected) return 'texts';
  return items.type === 'object' ? 'mappings' : `values, each ${expectation(items)}`;
}

function range(minimum: number | undefined, maximum: number | undefined): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  if (minimum !== undefined) return ` ≥ ${minimum}`;
  return maximum === undefined ? '' : ` ≤ ${maximum}`;
}

function count(least: number | undefined, most: number | undefined, one: string, many: string): string {
  if (least === 1 && most === undefined) return '';
  if (least && most) return ` of ${least} to ${most} ${many}`;
  if (least) return ` of at least ${least} ${least === 1 ? one : many}`;
  return most === undefined ? '' : ` of at most ${most} ${many}`;
}
