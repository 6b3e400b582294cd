import { isDeepStrictEqual } from 'node:util';
import { type DiffLine, diffLines } from '../diffLines.js';

/** Stands for any value; as a key, for any further fields. */
const ANY = '*';

type Mapping = { [key: string]: unknown };

/** How what came differs from what was expected, line by line; undefined where it does not. */
export function difference(expected: unknown, came: unknown): DiffLine[] | undefined {
  const full = filledIn(expected, came);
  return isDeepStrictEqual(full, came) ? undefined : diffLines(linesOf(full), linesOf(came));
}

/** The expectation with each `*` filled in from what came, its fields in the same order, so that a diff shows what differs and no more. */
function filledIn(expected: unknown, came: unknown): unknown {
  if (expected === ANY) return came === undefined ? ANY : came;
  if (Array.isArray(expected)) {
    const others = Array.isArray(came) ? came : [];
    return expected.map((value, index) => filledIn(value, others[index]));
  }
  if (!isMapping(expected)) return expected;
  const others = isMapping(came) ? came : {};
  const names = Object.keys(others).filter((name) => Object.hasOwn(expected, name) || Object.hasOwn(expected, ANY));
  const missing = Object.keys(expected).filter((name) => name !== ANY && !Object.hasOwn(others, name));
  return Object.fromEntries(
    [...names, ...missing].map((name) => [
      name,
      Object.hasOwn(expected, name) ? filledIn(expected[name], others[name]) : others[name],
    ]),
  );
}

/** Failures, dead letters and due files are named in part. */
export function inPart(expected: readonly object[]): Mapping[] {
  return expected.map((one) => ({ ...one, [ANY]: ANY }));
}

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const linesOf = (value: unknown): string[] => JSON.stringify(value, undefined, 2).split('\n');
