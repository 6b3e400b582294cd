import type { JsonObject } from '../contract/tags.js';
import { type ErrorObject, newAjv } from './ajv.js';
import { appliesTo, conditionText } from './condition.js';
import { maskKey } from './mask.js';
import { isObject, type Level, type Report } from './report.js';
import { type Bounds, tableSchema } from './schema.js';
import { compileShape } from './shape.js';
import type { Field, Table } from './table.js';
import { isDay, isSecond } from './timeFormat.js';

/** ajv's keywords for what is missing or empty, and for a value that is not among the right ones. */
const ABSENT = new Set(['required', 'not', 'minLength', 'minItems']);
const VALUE = new Set(['enum', 'pattern', 'format']);

export interface StructureLevels {
  /** Fields that the table does not have. */
  unknown: Level;
  /** What an inferred condition asks for. */
  inferred: Level;
}

/**
 * A function that reports every breach of a table's structure, one a field, and notes those fields as broken. It returns
 * the record in the shape of the table, for those who look further, or undefined where it is no object.
 */
export function compileStructure(
  table: Table,
  levels: StructureLevels,
  bounds: Omit<Bounds, 'inferred'>,
): (record: unknown, report: Report) => JsonObject | undefined {
  const ajv = newAjv({ allowUnionTypes: true });
  ajv.addFormat('YYYYMMDD', (text: string) => text === '' || isDay(text));
  ajv.addFormat('YYYYMMDDHHMISS', (text: string) => text === '' || isSecond(text));
  const validate = ajv.compile(tableSchema(table, { ...bounds, inferred: levels.inferred !== 'off' }));
  const shape = compileShape(table);
  const applies = new Map(table.fields.map((field) => [field, appliesTo(table, field)]));

  return (record, report) => {
    if (!isObject(record)) {
      report.add('reject', '', undefined, 'an object', record);
      return undefined;
    }
    const shaped = shape(record, (name) => {
      report.add(levels.unknown, maskKey(name), undefined, unknownRule(table), record[name]);
    });
    if (validate(shaped)) return shaped;
    for (const error of validate.errors ?? []) {
      if (error.keyword === 'if') continue; // its `else` has told already
      const place = placeOf(table, error, shaped);
      if (report.broken.has(place.path)) continue;
      // What does not apply is left out when the record is written, so its value may be anything of its type.
      if (VALUE.has(error.keyword) && place.field && applies.get(place.field)?.(shaped) === false) continue;
      report.broken.add(place.path);
      const shown = isAbsent(place, error) ? undefined : place.value;
      report.add(levelOf(place, error, levels), place.path, place.field, ruleOf(place, error), shown);
    }
    return shaped;
  };
}

/** Where an error of ajv points to. */
interface Place {
  /** `Auth.PlatformID`, `VoiceDirList[3]`. */
  path: string;
  /** The table whose field it is: that of Auth for `Auth.PlatformID`. */
  table: Table;
  /** Absent for fields that the table does not have. */
  field: Field | undefined;
  /** Whether it is one entry of the field's list. */
  entry: boolean;
  value: unknown;
}

/** Goes down the error's path, and one step further where it names what is missing or too much. */
function placeOf(top: Table, error: ErrorObject, record: JsonObject): Place {
  const steps = error.instancePath.split('/').slice(1);
  if (error.keyword === 'required') steps.push(String(error.params.missingProperty));
  if (error.keyword === 'additionalProperties') steps.push(String(error.params.additionalProperty));
  const place: Place = { path: '', table: top, field: undefined, entry: false, value: record };
  for (const step of steps) {
    place.value = typeof place.value === 'object' && place.value ? Reflect.get(place.value, step) : undefined;
    if (place.field && !place.field.inside) {
      place.entry = true;
      place.path += `[${step}]`;
      continue;
    }
    place.table = place.field?.inside ?? place.table;
    place.field = place.table.fields.find((field) => field.name === step);
    const name = place.field ? step : maskKey(step);
    place.path += place.path === '' ? name : `.${name}`;
  }
  return place;
}

function unknownRule(table: Table): string {
  return `only fields of table ${table.number}`;
}

/** An empty string is no value, whatever keyword it breaks: it is none of the codes either. */
function isAbsent(place: Place, error: ErrorObject): boolean {
  return place.field !== undefined && !place.entry && (place.value === '' || ABSENT.has(error.keyword));
}

function levelOf(place: Place, error: ErrorObject, levels: StructureLevels): Level {
  const { field } = place;
  if (error.keyword === 'additionalProperties') return levels.unknown;
  const condition = field?.presence === 'C' ? field.condition : undefined;
  const inferred = typeof condition === 'object' && 'inferred' in condition && condition.inferred === true;
  return inferred && isAbsent(place, error) ? levels.inferred : 'reject';
}

/** What was expected, in words. */
function ruleOf(place: Place, error: ErrorObject): string {
  const { field } = place;
  if (error.keyword === 'additionalProperties') return unknownRule(place.table);
  if (!field) return 'an object';
  if (isAbsent(place, error)) return presenceRule(field);
  if (!hasType(place)) return place.entry ? 'a string' : typeRule(field);
  if (error.keyword === 'maxItems') return `at most ${error.params.limit} entries`;
  if (error.keyword === 'maxLength') return `at most ${error.params.limit} characters`;
  if (error.keyword === 'format')
    return `a ${field.format === 'YYYYMMDD' ? 'day' : 'time'} that exists, as ${field.format}`;
  return codesRule(field);
}

function presenceRule({ presence, condition }: Field): string {
  return presence === 'C' && condition ? `C: must be present when ${conditionText(condition)}` : 'M: must be present';
}

/** ajv may name another keyword first where the type is wrong: `1` is none of the codes '1', '2' and no string either. */
function hasType({ field, entry, value }: Place): boolean {
  if (entry) return typeof value === 'string';
  return [field?.type, field?.alsoType].includes(Array.isArray(value) ? 'array' : (typeof value as Field['type']));
}

function typeRule(field: Field): string {
  if (field.alsoType) return 'a string or an object';
  if (field.type === 'array') return 'a list of strings';
  return field.type === 'object' ? 'an object' : 'a string';
}

function codesRule(field: Field): string {
  const codes = Object.keys(field.values ?? {}).join(', ');
  return field.separator === undefined
    ? `one of ${codes}`
    : `one or more of ${codes}, with "${field.separator}" between`;
}
