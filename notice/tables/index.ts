import type { Site } from '../../contract/context.js';
import { IovError } from '../../contract/error.js';
import type { CheckRef, Condition, Field, Table } from '../table.js';
import { table1 } from './table1.js';
import { table2 } from './table2.js';
import { table3 } from './table3.js';
import { table4 } from './table4.js';
import { table5 } from './table5.js';
import { table6 } from './table6.js';
import { table7 } from './table7.js';
import { table8 } from './table8.js';
import { table9 } from './table9.js';
import { table10 } from './table10.js';
import { table11 } from './table11.js';
import { table12 } from './table12.js';

/** The tables as the notice has them, by number. */
export const tables: Readonly<Record<number, Table>> = Object.fromEntries(
  [table1, table2, table3, table4, table5, table6, table7, table8, table9, table10, table11, table12].map((table) => [
    table.number,
    table,
  ]),
);

const WIRE_NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

/**
 * A table with a site's overrides: other names on the wire, another presence. What refers to a renamed field follows it.
 * @throws IovError CONFIG_INVALID for a table or field that does not exist, or a name that is taken or no name
 */
export function tableOf(number: number, overrides: Site['tables'] = {}): Table {
  const table = tables[number];
  if (!table) throw new IovError('CONFIG_INVALID', `table ${number}: expected one of 1 to 12`);
  const changes = overrides[number] ?? {};
  for (const name of Object.keys(changes)) {
    if (!table.fields.some((field) => field.name === name)) {
      throw new IovError('CONFIG_INVALID', `tables.${number}.${name}: table ${number} has no field of that name`);
    }
  }
  const rename = (name: string): string => changes[name]?.name ?? name;
  const fields = table.fields.map((field) => {
    const changed = overridden(field, changes[field.name]?.presence, rename);
    return field.inside ? { ...changed, inside: tableOf(field.inside.number, overrides) } : changed;
  });
  refuseBadNames(number, fields);
  return { ...table, fields };
}

function overridden(field: Field, presence: Field['presence'] | undefined, rename: (name: string) => string): Field {
  const { condition, checks, ...rest } = field;
  const changed: Field = { ...rest, name: rename(field.name), presence: presence ?? field.presence };
  // A field made conditional without a condition must be there when it can be had (footnote of table 1).
  if (changed.presence === 'C') changed.condition = condition ? renamedCondition(condition, rename) : 'known';
  if (checks) changed.checks = checks.map((check) => renamedCheck(check, rename));
  return changed;
}

function renamedCondition(condition: Condition, rename: (name: string) => string): Condition {
  if (typeof condition === 'string') return condition;
  if ('field' in condition) return { ...condition, field: rename(condition.field) };
  return { ...condition, anyOf: condition.anyOf.map(rename) };
}

function renamedCheck(check: CheckRef, rename: (name: string) => string): CheckRef {
  const renamed: CheckRef = { ...check };
  if (check.with !== undefined) renamed.with = rename(check.with);
  if (check.when) renamed.when = { ...check.when, field: rename(check.when.field) };
  return renamed;
}

function refuseBadNames(number: number, fields: readonly Field[]): void {
  const seen = new Set<string>();
  for (const { name } of fields) {
    const problem = !WIRE_NAME.test(name) || name in {} ? 'is no field name' : seen.has(name) ? 'is taken' : undefined;
    if (problem) throw new IovError('CONFIG_INVALID', `tables.${number}: the name ${JSON.stringify(name)} ${problem}`);
    seen.add(name);
  }
}
