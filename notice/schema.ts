import { type CodeTest, codeTests } from './condition.js';
import type { Condition, Field, Table } from './table.js';

export type JsonSchema = { [keyword: string]: unknown };

export interface Bounds {
  /** Characters of a string (UTF-16 units), where the table does not set its own bound. */
  stringMax: number;
  /** Entries of a list. */
  listMax: number;
  /** Whether to ask for what an inferred condition asks for. */
  inferred: boolean;
}

/**
 * The JSON schema of a table's structure: types, what must be there, codes that the table itself lists, times that
 * exist, bounds, conditions. It asks ajv for the formats YYYYMMDD and YYYYMMDDHHMISS, which accept an empty string.
 * Each breach shows as one error per field under `required`, `not` (empty where it must hold a value) or a value keyword.
 */
export function tableSchema(table: Table, bounds: Bounds): JsonSchema {
  const conditions = conditionSchemas(table, bounds);
  return {
    type: 'object',
    required: table.fields.filter((field) => field.presence === 'M').map((field) => field.name),
    properties: Object.fromEntries(table.fields.map((field) => [field.name, fieldSchema(field, bounds)])),
    ...(conditions.length > 0 ? { allOf: conditions } : {}),
  };
}

function fieldSchema(field: Field, bounds: Bounds): JsonSchema {
  if (field.inside) return { ...tableSchema(field.inside, bounds), additionalProperties: false };
  const stringMax = field.lengthMax ?? bounds.stringMax;
  const must = field.presence === 'M';
  if (field.alsoType) return { type: [field.type, field.alsoType], minLength: must ? 1 : 0, maxLength: stringMax };
  if (field.type === 'object') return { type: 'object' };
  if (field.type === 'array') {
    const list = { items: { type: 'string', maxLength: stringMax }, maxItems: bounds.listMax };
    // Where a list need not be there, an empty string may stand for it.
    return must ? { type: 'array', minItems: 1, ...list } : { type: ['array', 'string'], maxLength: 0, ...list };
  }
  const codes = Object.keys(field.values ?? {});
  if (field.separator !== undefined)
    return { type: 'string', maxLength: stringMax, pattern: listPattern(field, codes) };
  if (codes.length > 0) return { type: 'string', enum: must ? codes : [...codes, ''] };
  return {
    type: 'string',
    maxLength: stringMax,
    ...(must ? { minLength: 1 } : {}),
    ...(field.format ? { format: field.format } : {}),
  };
}

/** `1`, `1,3`; nothing too where the field need not be there. */
function listPattern(field: Field, codes: readonly string[]): string {
  const code = `(?:${codes.map(escaped).join('|')})`;
  return `^(?:${code}(?:${escaped(field.separator!)}${code})*)${field.presence === 'M' ? '' : '?'}$`;
}

/** One rule for each condition that some fields share. */
function conditionSchemas(table: Table, bounds: Bounds): JsonSchema[] {
  const groups = new Map<string, { condition: Exclude<Condition, string>; fields: string[] }>();
  for (const { name, presence, condition } of table.fields) {
    if (presence !== 'C' || condition === undefined || typeof condition === 'string' || condition.known) continue;
    if ('inferred' in condition && condition.inferred && !bounds.inferred) continue;
    const key = JSON.stringify(condition);
    const group = groups.get(key) ?? { condition, fields: [] };
    groups.set(key, group);
    group.fields.push(name);
  }
  // `if not … else` and never `then`: JavaScript takes an object with a `then` for a promise.
  return [...groups.values()].map(({ condition, fields }) => ({
    if: { not: 'anyOf' in condition ? anyPresent(condition.anyOf) : allHold(codeTests(table, condition)) },
    else: { required: fields, properties: Object.fromEntries(fields.map((name) => [name, { not: { const: '' } }])) },
  }));
}

function anyPresent(names: readonly string[]): JsonSchema {
  return { anyOf: names.map((name) => ({ required: [name], properties: { [name]: { not: { const: '' } } } })) };
}

function allHold(tests: readonly CodeTest[]): JsonSchema {
  return {
    required: tests.map((test) => test.field),
    properties: Object.fromEntries(tests.map((test) => [test.field, testSchema(test)])),
  };
}

function testSchema(test: CodeTest): JsonSchema {
  if (test.separator === undefined) return { enum: [...test.in] };
  const between = escaped(test.separator);
  return { type: 'string', pattern: `(?:^|${between})(?:${test.in.map(escaped).join('|')})(?:${between}|$)` };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
