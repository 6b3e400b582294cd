import type { JsonObject } from '../contract/tags.js';
import type { Condition, Field, Table } from './table.js';

/** A field holds one of these codes. */
export interface CodeTest {
  field: string;
  in: readonly string[];
  /** Between the codes, where the field may list several. */
  separator: string | undefined;
}

/**
 * Every test that must hold for a condition on a code, those of the fields it depends on first: VoiceDirNum asks for
 * VoiceLimType 2, which itself asks for Voice 1. A `2` left over in a field that does not apply counts for nothing.
 */
export function codeTests(table: Table, condition: Condition | undefined): CodeTest[] {
  if (condition === undefined || typeof condition === 'string' || 'anyOf' in condition) return [];
  const above = table.fields.find((field) => field.name === condition.field);
  const test = { field: condition.field, in: condition.in, separator: above?.separator };
  return [...codeTests(table, above?.presence === 'C' ? above.condition : undefined), test];
}

/**
 * Whether a field applies to a record. One that does not may still stand in it: that is no fault, and what is written
 * leaves it out. `known`, `changed` and inferred conditions cannot tell, so their fields always apply.
 */
export function appliesTo(table: Table, field: Field): (record: JsonObject) => boolean {
  const { condition } = field;
  if (field.presence !== 'C' || condition === undefined || typeof condition === 'string') return () => true;
  if ('anyOf' in condition) return (record) => condition.anyOf.some((name) => isPresent(record[name]));
  if (condition.inferred) return () => true;
  const tests = codeTests(table, condition);
  return (record) => tests.every((test) => holds(test, record[test.field]));
}

/** An empty string stands for a field that is not there (interpretation: a conditional field that does not apply). */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== '';
}

/** `CustomerType is 2`: a condition in words, to follow "when". */
export function conditionText(condition: Condition): string {
  if (condition === 'known') return 'it can be had';
  if (condition === 'changed') return 'the state has changed';
  const text =
    'anyOf' in condition
      ? `any of ${condition.anyOf.join(', ')} is present`
      : `${condition.field} is ${condition.in.join(' or ')}`;
  return condition.known ? `${text} and it can be had` : text;
}

function holds(test: CodeTest, value: unknown): boolean {
  if (typeof value !== 'string') return false;
  if (test.separator === undefined) return test.in.includes(value);
  return value.split(test.separator).some((code) => test.in.includes(code));
}
