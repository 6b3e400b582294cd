import { Faults } from './fault.js';
import { choices, expectation, type JsonSchema, schemaOfKey } from './jsonSchema.js';
import type { Located, Path } from './located.js';
import { didYouMean, suggest } from './suggest.js';

const SHOWN_LENGTH_MAX = 40;

/**
 * Tells every way in which a value does not conform to its schema, and fills in the defaults in place.
 * Walks the schema itself: compiling each with ajv would take a third of the time that a check may take, and its errors
 * would still have to be put into words and places. A test holds the option schemas to the keywords known here.
 * @returns whether it conforms
 */
export function conform(schema: JsonSchema, located: Located, path: Path, faults: Faults): boolean {
  if (located.broken) return false;
  const branches = choices(schema) ? undefined : schema.anyOf;
  if (branches) {
    // The faults of the one branch that is a mapping help more than those of the union as a whole.
    const mappings = isMapping(located.value) ? branches.filter((branch) => branch.type === 'object') : [];
    if (mappings.length === 1 && mappings[0]) return conform(mappings[0], located, path, faults);
    if (branches.some((branch) => conform(branch, located, path, new Faults()))) return true;
  }
  if (branches || !fits(schema, located.value)) {
    faults.add(located.mark, path, `expected ${expectation(schema)}, got ${wrong(schema, located)}`);
    return false;
  }
  if (Array.isArray(located.value)) return items(schema, located, path, faults);
  return !isMapping(located.value) || mapping(schema, located, path, faults);
}

function items(schema: JsonSchema, located: Located, path: Path, faults: Faults): boolean {
  const { items: each } = schema;
  if (!each) return true;
  const valid = [...located.children].map(([index, child]) => conform(each, child, [...path, index], faults));
  return valid.every(Boolean);
}

function mapping(schema: JsonSchema, located: Located, path: Path, faults: Faults): boolean {
  const value = located.value as { [key: string]: unknown };
  let valid = true;
  for (const [name, option] of Object.entries(schema.properties ?? {})) {
    if (located.children.has(name)) continue;
    const usual = usualValue(option);
    if (usual !== undefined) value[name] = usual;
    else if (schema.required?.includes(name)) {
      valid = false;
      faults.add(located.key ?? startOf(located), path, `expected ${name} (${expectation(option)}), got nothing`);
    }
  }
  for (const [key, child] of located.children) {
    const inner = schemaOfKey(schema, key);
    if (inner) valid = conform(inner, child, [...path, key], faults) && valid;
    else if (schema.additionalProperties === false) {
      valid = false;
      unknown(key, child, schema, path, faults);
    }
  }
  return valid;
}

function unknown(key: string, child: Located, schema: JsonSchema, path: Path, faults: Faults): void {
  const known = Object.keys(schema.properties ?? {});
  const meant = suggest(key, known);
  // A misspelt `password` is still a password.
  if (meant && schema.properties?.[meant]?.secret) faults.hide(child.mark);
  const expected =
    schema.keys ?? (known.length === 0 ? 'no options' : known.length === 1 ? known[0] : `one of ${known.join(', ')}`);
  faults.add(
    child.key ?? child.mark,
    path,
    `expected ${expected}, got ${JSON.stringify(key)}${didYouMean(key, known)}`,
  );
}

/** The default of an option; a mapping's own defaults are part of it. */
function usualValue(schema: JsonSchema): unknown {
  if (!isMapping(schema.default)) return structuredClone(schema.default);
  const filled: { [key: string]: unknown } = structuredClone(schema.default);
  for (const [name, option] of Object.entries(schema.properties ?? {})) {
    const usual = usualValue(option);
    if (!(name in filled) && usual !== undefined) filled[name] = usual;
  }
  return filled;
}

/** Whether a value is what a schema expects, but for what is within a list or mapping. */
function fits(schema: JsonSchema, value: unknown): boolean {
  const listed = choices(schema);
  if (listed) return listed.includes(value);
  switch (schema.type) {
    case 'integer':
    case 'number':
      return (
        typeof value === 'number' &&
        (schema.type === 'number' || Number.isSafeInteger(value)) &&
        within(value, schema.minimum, schema.maximum)
      );
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return (
        typeof value === 'string' &&
        within([...value].length, schema.minLength, schema.maxLength) &&
        (schema.pattern === undefined || new RegExp(schema.pattern, 'u').test(value))
      );
    case 'array':
      return (
        Array.isArray(value) &&
        within(value.length, schema.minItems, schema.maxItems) &&
        (!schema.uniqueItems || new Set(value.map((entry) => JSON.stringify(entry))).size === value.length)
      );
    case 'object':
      return isMapping(value) && within(Object.keys(value).length, schema.minProperties, schema.maxProperties);
    case 'null':
      return value === null;
    default:
      return true;
  }
}

const within = (value: number, least = -Infinity, most = Infinity) => value >= least && value <= most;

function isMapping(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What came, and what to write instead where the slip is a common one. */
function wrong(schema: JsonSchema, found: Located): string {
  const { value, mark } = found;
  const got = schema.secret && typeof value === 'string' ? 'another text' : show(found);
  const listed = choices(schema);
  if (listed && typeof value === 'string') return got + didYouMean(value, listed.map(String));
  const written = mark.source.text.slice(mark.start, mark.end);
  const wantsText = schema.type === 'string' || listed?.includes(written);
  if (wantsText && (typeof value === 'number' || typeof value === 'boolean'))
    return `${got}; write "${written}" in quotes`;
  if (isMapping(value) && schema.maxProperties && Object.keys(value).length > schema.maxProperties) {
    return `${Object.keys(value).length}: ${Object.keys(value).join(', ')}`;
  }
  if (schema.type === 'array' && typeof value === 'string') return `${got}; write [ ] around it`;
  const isNumber = (schema.type === 'integer' || schema.type === 'number') && typeof value === 'string';
  if (isNumber && /^["'][0-9_]+["']$/.test(written)) return `${got}; write it without quotes`;
  return got;
}

/** A value as a message shows it: short, on one line, and never a secret. */
export function show(located: Located): string {
  const { value, hidden } = located;
  if (hidden !== undefined) return hidden;
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > SHOWN_LENGTH_MAX ? `${value.slice(0, SHOWN_LENGTH_MAX)}…` : value);
}

/** A mapping has no word of its own to point at: its first character stands for it. */
function startOf(found: Located): Located['mark'] {
  return { ...found.mark, end: found.mark.start + 1 };
}
