import { IovError } from '../contract/error.js';

const PLACEHOLDER = /\{([^{}]*)\}/g;
const NAME = /^[A-Za-z][A-Za-z0-9]*(\.[A-Za-z][A-Za-z0-9]*)*$/;
/** What may go into a path: nothing that leaves a directory, hides a file or separates. */
const HARMLESS = /^[A-Za-z0-9-][A-Za-z0-9.-]{0,127}$/;
const ADDRESS = /^https:\/\/[^\s/{}?#@]+\//;

/** What is wrong with a pattern of a path or an address (`photos/{iccid}`), as a rule that it breaks; undefined if nothing is. */
export function patternFault(pattern: string, of: 'path' | 'address'): string | undefined {
  const names = [...pattern.matchAll(PLACEHOLDER)].map(([, name = '']) => name);
  const rest = pattern.replace(PLACEHOLDER, '');
  if (names.length === 0) return 'a placeholder ({iccid}, {card.Field}, …), so that each card has pictures of its own';
  if (!names.every((name) => NAME.test(name)) || /[{}]/.test(rest)) {
    return 'placeholders of letters, digits and dots in braces: {iccid}, {requestId}, {code}, {Field.Sub}, {card.Field}';
  }
  if (rest.includes('*') || rest.includes('\0')) return 'a path without *, which is not supported';
  if (of === 'address' && !ADDRESS.test(pattern))
    return 'an address https://HOST/… with placeholders after the host alone';
  return undefined;
}

/** The part of a path pattern in front of its first placeholder that ends at a slash, and the rest. */
export function splitPattern(pattern: string): { fixed: string; rest: string } {
  const slash = pattern.lastIndexOf('/', pattern.indexOf('{'));
  return { fixed: pattern.slice(0, slash + 1) || '.', rest: pattern.slice(slash + 1) };
}

/**
 * A pattern with its values; undefined where one of them is absent or empty, so that nothing can be there.
 * @param lookUp what stands for a placeholder
 * @throws IovError RECORD_INVALID for a value that could lead elsewhere; its message never holds the value
 */
export function fillPattern(pattern: string, lookUp: (name: string) => unknown): string | undefined {
  let isWhole = true;
  const filled = pattern.replace(PLACEHOLDER, (_, name: string) => {
    const value = lookUp(name);
    if (value === undefined || value === null || value === '') isWhole = false;
    else if (!HARMLESS.test(String(value)) || typeof value === 'object') throw harmful(pattern, name);
    return String(value);
  });
  return isWhole ? filled : undefined;
}

function harmful(pattern: string, name: string): IovError {
  const rule = 'up to 128 letters, digits, - and . (not in front)';
  const message = `${pattern}: expected {${name}} to be ${rule}, got something else`;
  return new IovError('RECORD_INVALID', message, { faults: [{ field: name, label: '', rule }] });
}
